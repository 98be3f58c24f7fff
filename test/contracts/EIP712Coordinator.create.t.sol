// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";
import {Coordinator, Subscription} from "../../contracts/Coordinator.sol";
import {EIP712Coordinator} from "../../contracts/EIP712Coordinator.sol";
import {DelegatingConsumer} from "./support/DelegatingConsumer.sol";
import {Delegation} from "./support/Delegation.sol";

contract DelegatedCreationTest is Delegation {
    function test_CreatesWhatWasSigned() public {
        Subscription memory sub = _terms();

        assertEq(_create(0, sub), 1);

        assertEq(abi.encode(coordinator.getSubscription(1)), abi.encode(sub));
        assertEq(coordinator.id(), 2);
        assertEq(_createdId(0), 1);
        assertEq(coordinator.maxSubscriberNonce(address(owner)), 0);
    }

    function testFuzz_StoresTermsVerbatim(Subscription memory sub, uint32 nonce, uint32 expiry) public {
        sub.owner = address(owner);
        expiry = uint32(bound(expiry, START + 1, type(uint32).max));

        uint32 id = _create(nonce, expiry, sub, _sign(signerKey, nonce, expiry, sub));

        assertEq(abi.encode(coordinator.getSubscription(id)), abi.encode(sub));
        assertEq(coordinator.maxSubscriberNonce(address(owner)), nonce);
        assertEq(_createdId(nonce), id);
    }

    function test_EmitsCreationAndNothingElse() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);

        vm.recordLogs();
        _create(0, EXPIRY, sub, sig);

        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1);
        assertEq(logs[0].topics[0], Coordinator.SubscriptionCreated.selector);
        assertEq(uint256(logs[0].topics[1]), 1);
    }

    function test_SharesTheCounterWithDirectCreation() public {
        consumer.subscribe(_once());
        assertEq(_create(0, _terms()), 2);
        assertEq(consumer.subscribe(_once()), 3);
    }

    function test_AnyoneMaySubmit() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 5, EXPIRY, sub);
        vm.prank(stranger);
        assertEq(_create(5, EXPIRY, sub, sig), 1);
    }

    function test_LastSecondBeforeExpiryCounts() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
        vm.warp(EXPIRY - 1);
        assertEq(_create(0, EXPIRY, sub, sig), 1);
    }

    function test_RevertWhen_SignatureExpired() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);

        vm.warp(EXPIRY);
        vm.expectRevert(EIP712Coordinator.SignatureExpired.selector);
        _create(0, EXPIRY, sub, sig);
        vm.warp(EXPIRY + 1);
        vm.expectRevert(EIP712Coordinator.SignatureExpired.selector);
        _create(0, EXPIRY, sub, sig);
    }

    /// @dev Beyond 2106 the clock starts again from zero
    function test_ExpiryFollowsTheTruncatedClock() public {
        vm.warp(uint256(1 << 32) + 99);
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, 100, sub);
        assertEq(_create(0, 100, sub, sig), 1);

        sig = _sign(signerKey, 1, 100, sub);
        vm.warp(uint256(1 << 32) + 100);
        vm.expectRevert(EIP712Coordinator.SignatureExpired.selector);
        _create(1, 100, sub, sig);
    }

    /// @dev Expiry is judged before the signature
    function test_RevertWhen_ExpiredAndForged() public {
        vm.warp(EXPIRY);
        vm.expectRevert(EIP712Coordinator.SignatureExpired.selector);
        _create(0, EXPIRY, _terms(), Signature(0, 0, 0));
    }

    function test_RevertWhen_SignedByAnotherKey() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(otherKey, 0, EXPIRY, sub);
        vm.expectRevert(EIP712Coordinator.SignerMismatch.selector);
        _create(0, EXPIRY, sub, sig);
    }

    /// @dev Each signed part is bound: changing any one of them recovers another address
    function test_RevertWhen_AnySignedPartDiffers() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 1, EXPIRY, sub);

        vm.expectRevert(EIP712Coordinator.SignerMismatch.selector);
        _create(2, EXPIRY, sub, sig);
        vm.expectRevert(EIP712Coordinator.SignerMismatch.selector);
        _create(1, EXPIRY + 1, sub, sig);

        bytes memory signed = abi.encode(sub);
        for (uint256 field = 1; field < 11; field++) {
            bytes memory tampered = bytes.concat(signed);
            bool isFlag = field == 6;
            tampered[32 * field + 31] = bytes1(uint8(tampered[32 * field + 31]) ^ (isFlag ? 1 : 2));
            Subscription memory other = abi.decode(tampered, (Subscription));
            vm.expectRevert(EIP712Coordinator.SignerMismatch.selector);
            _create(1, EXPIRY, other, sig);
        }
        assertEq(_create(1, EXPIRY, sub, sig), 1);
    }

    function test_RevertWhen_AnotherOwnersTermsAreSubmitted() public {
        DelegatingConsumer other = new DelegatingConsumer(address(registry), vm.addr(signerKey));
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 1, EXPIRY, sub);
        sub.owner = address(other);
        vm.expectRevert(EIP712Coordinator.SignerMismatch.selector);
        _create(1, EXPIRY, sub, sig);
    }

    function test_RevertWhen_SignatureIsForAnotherChain() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
        vm.chainId(1);
        vm.expectRevert(EIP712Coordinator.SignerMismatch.selector);
        _create(0, EXPIRY, sub, sig);
    }

    /// @dev The domain follows the live chain id
    function test_SignatureMadeAfterAForkIsAccepted() public {
        vm.chainId(1);
        assertEq(_create(0, _terms()), 1);
    }

    function test_RevertWhen_SignatureIsForAnotherCoordinator() public {
        Subscription memory sub = _terms();
        EIP712Coordinator other = new EIP712Coordinator(registry);
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
        vm.expectRevert(EIP712Coordinator.SignerMismatch.selector);
        other.createSubscriptionDelegatee(0, EXPIRY, sub, sig.v, sig.r, sig.s);
    }

    function test_RevertWhen_SignatureIsMalformed() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
        bytes4 invalidSignature = 0x8baa579f;

        for (uint8 v = 0; v < 255; v++) {
            if (v == 27 || v == 28) continue;
            vm.expectRevert(invalidSignature);
            _create(0, EXPIRY, sub, Signature(v, sig.r, sig.s));
        }
        vm.expectRevert(invalidSignature);
        _create(0, EXPIRY, sub, Signature(27, 0, 0));
        vm.expectRevert(invalidSignature);
        _create(0, EXPIRY, sub, Signature(sig.v, sig.r, bytes32(type(uint256).max)));
    }

    /// @dev The other encoding of one signature is accepted, and creates nothing more
    function test_MalleatedSignatureIsHarmless() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        Signature memory twin = Signature(sig.v == 27 ? 28 : 27, sig.r, bytes32(order - uint256(sig.s)));

        assertEq(_create(0, EXPIRY, sub, twin), 1);
        assertEq(_create(0, EXPIRY, sub, sig), 1);
        assertEq(coordinator.id(), 2);
    }

    function test_RevertWhen_OwnerNamesNoSigner() public {
        Subscription memory sub = _terms();
        address[2] memory owners = [makeAddr("no code"), address(consumer)];
        for (uint256 i = 0; i < owners.length; i++) {
            sub.owner = owners[i];
            Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
            try coordinator.createSubscriptionDelegatee(0, EXPIRY, sub, sig.v, sig.r, sig.s) {
                revert("created");
            } catch (bytes memory reason) {
                assertEq(reason, "");
            }
        }
    }

    function test_RevertWhen_SignerIsZero() public {
        owner.updateSigner(address(0));
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
        vm.expectRevert(EIP712Coordinator.SignerMismatch.selector);
        _create(0, EXPIRY, sub, sig);
    }

    function test_UsedNonceFindsItsSubscriptionWhateverElseIsPassed() public {
        Subscription memory sub = _terms();
        _create(7, sub);
        owner.updateSigner(vm.addr(otherKey));
        consumer.subscribe(_once());

        Subscription memory other = _terms();
        other.frequency = 99;
        vm.warp(EXPIRY + 1);
        vm.recordLogs();
        assertEq(_create(7, 0, other, Signature(0, 0, 0)), 1);

        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(abi.encode(coordinator.getSubscription(1)), abi.encode(sub));
        assertEq(coordinator.id(), 3);
    }

    function test_UsedNonceFindsACancelledSubscriptionToo() public {
        uint32 id = _create(7, _terms());
        owner.cancel(id);
        assertEq(coordinator.getSubscription(id).activeAt, type(uint32).max);
        assertEq(_create(7, _terms()), id);
    }

    function test_NoncesAreFreeInOrderAndTheHighestIsKept() public {
        assertEq(_create(10, _terms()), 1);
        assertEq(_create(1, _terms()), 2);
        assertEq(_create(10, _terms()), 1);
        assertEq(coordinator.maxSubscriberNonce(address(owner)), 10);
        assertEq(_create(type(uint32).max, _terms()), 3);
        assertEq(coordinator.maxSubscriberNonce(address(owner)), type(uint32).max);
    }

    function test_NonceSpacesOfOwnersAreApart() public {
        _create(1, _terms());
        DelegatingConsumer other = new DelegatingConsumer(address(registry), vm.addr(signerKey));
        Subscription memory sub = _terms();
        sub.owner = address(other);
        assertEq(_create(1, sub), 2);
        assertEq(coordinator.maxSubscriberNonce(address(other)), 1);
    }

    function test_RotationVoidsUnusedSignatures() public {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
        owner.updateSigner(vm.addr(otherKey));

        vm.expectRevert(EIP712Coordinator.SignerMismatch.selector);
        _create(0, EXPIRY, sub, sig);
        assertEq(_create(0, EXPIRY, sub, _sign(otherKey, 0, EXPIRY, sub)), 1);
    }

    function test_DomainIsPublished() public view {
        (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        ) = coordinator.eip712Domain();
        assertEq(fields, bytes1(0x0f));
        assertEq(name, "InfernetCoordinator");
        assertEq(version, "1");
        assertEq(chainId, block.chainid);
        assertEq(verifyingContract, address(coordinator));
        assertEq(salt, 0);
        assertEq(extensions.length, 0);
    }
}
