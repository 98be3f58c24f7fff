// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Ownable} from "solady/auth/Ownable.sol";
import {ECDSA} from "solady/utils/ECDSA.sol";
import {ReentrancyGuard} from "solady/utils/ReentrancyGuard.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Coordinator, Subscription} from "../../contracts/Coordinator.sol";
import {EIP712Coordinator} from "../../contracts/EIP712Coordinator.sol";
import {Inbox} from "../../contracts/Inbox.sol";
import {Registry} from "../../contracts/Registry.sol";
import {BaseConsumer} from "../../contracts/consumer/Base.sol";
import {Allowlist} from "../../contracts/pattern/Allowlist.sol";
import {Delegator} from "../../contracts/pattern/Delegator.sol";
import {Fee} from "../../contracts/payments/Fee.sol";
import {IVerifier} from "../../contracts/payments/IVerifier.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {WalletFactory} from "../../contracts/payments/WalletFactory.sol";
import {Coordinated} from "../../contracts/utility/Coordinated.sol";
import {Reader} from "../../contracts/utility/Reader.sol";
import {LibSign} from "./lib/LibSign.sol";

/// @notice Answers `getSigner` at the address of the vector's owner
contract FixedSigner {
    function getSigner() external pure returns (address) {
        return 0x70997970C51812dc3A010C7d01b50e0d17dc79C8; // Anvil's second account
    }
}

/// @notice Published selectors, topics and hashes
contract VectorsTest is Test {
    address private constant ONES = 0x1111111111111111111111111111111111111111;
    address payable private constant TWOS = payable(0x2222222222222222222222222222222222222222);
    address private constant THREES = 0x3333333333333333333333333333333333333333;
    address payable private constant FOURS = payable(0x4444444444444444444444444444444444444444);
    address private constant FIVES = 0x5555555555555555555555555555555555555555;
    bytes32 private constant DIGEST = 0x55fb2aef9b934ebc253a995ad54e7341a7370a8e9819bf8c5b0835d382f27f18;

    function _subscription() private pure returns (Subscription memory) {
        return Subscription(
            ONES,
            1_700_000_000,
            60,
            3,
            2,
            keccak256(abi.encode("container")),
            true,
            TWOS,
            1_000_000,
            THREES,
            FOURS
        );
    }

    function test_ContainerHashes() public pure {
        assertEq(
            keccak256(abi.encode("container")),
            0x9a368385fc92ce7a7910485800075b12c58839080e1366938f122ce36ca00a3d
        );
        assertEq(
            keccak256(abi.encode("hello-world")),
            0x5768661526084c7b4d30f7224ed6c74ade98db3c6c395c55400a17f34a547e22
        );
        assertEq(
            keccak256(abi.encode("A,B,C")), 0x58e516fa64e8520e529e772bac90a9a2120fd59c2d97733a38dc2b78360d430d
        );
    }

    function test_Keys() public pure {
        assertEq(
            keccak256(abi.encode(uint32(1), uint32(1))),
            0xcc69885fda6bcc1a4ace058b4a62bf5e179ea78fd58a1ccd71c22cc9b688792f
        );
        assertEq(
            keccak256(abi.encode(uint32(1), uint32(1), ONES)),
            0x94052e0e32d5db41448865389cf93e095db83ec0758465cbd47fb1536e9fd8dc
        );
        assertEq(
            keccak256(abi.encode(ONES, uint32(0))),
            0xf043c50fe795c69f30b8ff78b84032dc53a9d87ca283ae10a1dacfbb648e83ef
        );
    }

    function test_DelegationHashes() public {
        vm.chainId(31_337);
        assertEq(
            LibSign.getStructHash(_subscription()),
            0xc6803c77e023cb29868dc11f4c902ba09d9f0963ed7c5d8f03ec210d81421930
        );
        assertEq(
            LibSign.getStructHash(7, 1_700_003_600, _subscription()),
            0xd2b8a0105eeac5fdb5c2a6b841c2a1a0f9c0c40031f40d6646611b387cbd2e5c
        );
        assertEq(
            LibSign.getDomainSeperator("InfernetCoordinator", "1", FIVES),
            0xfe53baa5c2f7ed83c56370523d5b2d5b37b29f7e7d07df19e0f7c0a2d856c790
        );
        assertEq(
            LibSign.getTypedMessageHash("InfernetCoordinator", "1", FIVES, 7, 1_700_003_600, _subscription()),
            DIGEST
        );
    }

    /// @dev The coordinator itself, at the vector's address, accepts a signature of the vector's digest
    function test_CoordinatorHashesLikeTheVector() public {
        vm.chainId(31_337);
        vm.warp(1_700_000_000);
        Registry registry = new Registry(FIVES, address(0), address(0), address(0), address(0));
        deployCodeTo("EIP712Coordinator.sol:EIP712Coordinator", abi.encode(registry), FIVES);
        vm.etch(ONES, address(new FixedSigner()).code);
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d, DIGEST);

        assertEq(
            EIP712Coordinator(FIVES).createSubscriptionDelegatee(7, 1_700_003_600, _subscription(), v, r, s),
            1
        );
    }

    function test_SelectorsOfTheCoordinator() public view {
        assertEq(Coordinator(address(0)).id.selector, bytes4(0xaf640d0f));
        assertEq(Coordinator(address(0)).nodeResponded.selector, bytes4(0x298f7bdc));
        assertEq(Coordinator(address(0)).redundancyCount.selector, bytes4(0xbc85694f));
        assertEq(Coordinator(address(0)).proofRequests.selector, bytes4(0xc34cf5c7));
        assertEq(Coordinator.getSubscription.selector, bytes4(0xa17b920b));
        assertEq(Coordinator.getSubscriptionInterval.selector, bytes4(0x836a6cc9));
        assertEq(Coordinator.createSubscription.selector, bytes4(0x84050893));
        assertEq(Coordinator.cancelSubscription.selector, bytes4(0x31e451a9));
        assertEq(Coordinator.deliverCompute.selector, bytes4(0xc509543d));
        assertEq(Coordinator.finalizeProofVerification.selector, bytes4(0x196ab123));
        assertEq(EIP712Coordinator(address(0)).EIP712_NAME.selector, bytes4(0x3b2fb7a8));
        assertEq(EIP712Coordinator(address(0)).EIP712_VERSION.selector, bytes4(0xeccec5a8));
        assertEq(EIP712Coordinator(address(0)).maxSubscriberNonce.selector, bytes4(0x7fb61b27));
        assertEq(EIP712Coordinator(address(0)).delegateCreatedIds.selector, bytes4(0x60ed0f61));
        assertEq(EIP712Coordinator(address(0)).eip712Domain.selector, bytes4(0x84b0196e));
        assertEq(EIP712Coordinator.createSubscriptionDelegatee.selector, bytes4(0x9c092514));
        assertEq(EIP712Coordinator.deliverComputeDelegatee.selector, bytes4(0x9fff314a));
    }

    function test_SelectorsOfTheOthers() public view {
        assertEq(Registry(address(0)).COORDINATOR.selector, bytes4(0x3b2bcbf1));
        assertEq(Registry(address(0)).INBOX.selector, bytes4(0xb7010697));
        assertEq(Registry(address(0)).READER.selector, bytes4(0x698eec44));
        assertEq(Registry(address(0)).FEE.selector, bytes4(0xc57981b5));
        assertEq(Registry(address(0)).WALLET_FACTORY.selector, bytes4(0x0e2009f4));
        assertEq(Inbox(address(0)).items.selector, bytes4(0x93eaef1f));
        assertEq(Inbox.write.selector, bytes4(0x198896dd));
        assertEq(Inbox.writeViaCoordinator.selector, bytes4(0x76a87949));
        assertEq(Inbox.read.selector, bytes4(0x586a6094));
        assertEq(Fee(address(0)).FEE.selector, bytes4(0xc57981b5));
        assertEq(Fee.FEE_RECIPIENT.selector, bytes4(0xebd09054));
        assertEq(Fee.updateFee.selector, bytes4(0x2c6cda93));
        assertEq(Wallet(payable(0)).allowance.selector, bytes4(0xdd62ed3e));
        assertEq(Wallet.withdraw.selector, bytes4(0xf3fef3a3));
        assertEq(Wallet.approve.selector, bytes4(0xe1f21c67));
        assertEq(Wallet.cTransfer.selector, bytes4(0x0d67cfd9));
        assertEq(Wallet.cLock.selector, bytes4(0xd0729347));
        assertEq(Wallet.cUnlock.selector, bytes4(0xc7048369));
        assertEq(WalletFactory.createWallet.selector, bytes4(0xb054a9e8));
        assertEq(WalletFactory.isValidWallet.selector, bytes4(0x439a3012));
        assertEq(Reader.readSubscriptionBatch.selector, bytes4(0x3ddc29f5));
        assertEq(Reader.readRedundancyCountBatch.selector, bytes4(0x757f1c84));
        assertEq(BaseConsumer.rawReceiveCompute.selector, bytes4(0x7a411a8d));
        assertEq(BaseConsumer.getContainerInputs.selector, bytes4(0x962fad75));
        assertEq(Allowlist.isAllowedNode.selector, bytes4(0xa136e529));
        assertEq(Delegator.getSigner.selector, bytes4(0x7ac3c02f));
        assertEq(IVerifier.getWallet.selector, bytes4(0x13299604));
        assertEq(IVerifier.isSupportedToken.selector, bytes4(0x240028e8));
        assertEq(IVerifier.fee.selector, bytes4(0x6fcca69b));
        assertEq(IVerifier.requestProofVerification.selector, bytes4(0x81e79a90));
    }

    function test_SelectorsOfOwnership() public pure {
        Wallet wallet = Wallet(payable(0));
        assertEq(wallet.owner.selector, bytes4(0x8da5cb5b));
        assertEq(wallet.transferOwnership.selector, bytes4(0xf2fde38b));
        assertEq(wallet.renounceOwnership.selector, bytes4(0x715018a6));
        assertEq(wallet.requestOwnershipHandover.selector, bytes4(0x25692962));
        assertEq(wallet.cancelOwnershipHandover.selector, bytes4(0x54d1f13d));
        assertEq(wallet.completeOwnershipHandover.selector, bytes4(0xf04e283e));
        assertEq(wallet.ownershipHandoverExpiresAt.selector, bytes4(0xfee81cf4));
    }

    function test_Errors() public pure {
        assertEq(Ownable.AlreadyInitialized.selector, bytes4(0x0dc149f0));
        assertEq(SafeTransferLib.ETHTransferFailed.selector, bytes4(0xb12d13eb));
        assertEq(SafeTransferLib.TransferFailed.selector, bytes4(0x90b8ec18));
        assertEq(Wallet.InsufficientAllowance.selector, bytes4(0x13be252b));
        assertEq(Wallet.InsufficientFunds.selector, bytes4(0x356680b7));
        assertEq(Coordinator.IntervalCompleted.selector, bytes4(0x2f4ca85b));
        assertEq(Coordinator.IntervalMismatch.selector, bytes4(0x4db310c3));
        assertEq(ECDSA.InvalidSignature.selector, bytes4(0x8baa579f));
        assertEq(Coordinator.InvalidWallet.selector, bytes4(0x23455ba1));
        assertEq(Ownable.NewOwnerIsZeroAddress.selector, bytes4(0x7448fbae));
        assertEq(Ownable.NoHandoverRequest.selector, bytes4(0x6f5e8818));
        assertEq(Allowlist.NodeNotAllowed.selector, bytes4(0x42764946));
        assertEq(Coordinator.NodeRespondedAlready.selector, bytes4(0x88a21e4f));
        assertEq(Coordinated.NotCoordinator.selector, bytes4(0x9ec853e6));
        assertEq(BaseConsumer.NotCoordinator.selector, bytes4(0x9ec853e6));
        assertEq(Coordinator.NotSubscriptionOwner.selector, bytes4(0xa7fba711));
        assertEq(Coordinator.ProofRequestNotFound.selector, bytes4(0x1d68b37c));
        assertEq(ReentrancyGuard.Reentrancy.selector, bytes4(0xab143c06));
        assertEq(EIP712Coordinator.SignatureExpired.selector, bytes4(0x0819bdcd));
        assertEq(EIP712Coordinator.SignerMismatch.selector, bytes4(0x10c74b03));
        assertEq(Coordinator.SubscriptionCompleted.selector, bytes4(0xae6704a7));
        assertEq(Coordinator.SubscriptionNotActive.selector, bytes4(0xefb74efe));
        assertEq(Coordinator.SubscriptionNotFound.selector, bytes4(0x1a00354f));
        assertEq(Ownable.Unauthorized.selector, bytes4(0x82b42900));
        assertEq(Coordinator.UnauthorizedVerifier.selector, bytes4(0xb9857aa1));
        assertEq(Coordinator.UnsupportedVerifierToken.selector, bytes4(0xe2372799));
    }

    function test_Topics() public pure {
        assertEq(
            Coordinator.SubscriptionCreated.selector,
            0x04344ed7a67fec80c444d56ee1cee242f3f75b91fecc8dbce8890069c82eb48e
        );
        assertEq(
            Coordinator.SubscriptionCancelled.selector,
            0xf4126e31c182db4c4109605c6d50470fc7e8ca90d62d44fd25cbe049fb9cac3e
        );
        assertEq(
            Coordinator.SubscriptionFulfilled.selector,
            0xc68fb0ae5cea2793405d29014d881bcda18f67122e0bcd7d0a577e118b64e4c8
        );
        assertEq(
            Coordinator.ProofVerified.selector,
            0xaf1556610075709bf885e17681512d329b1a40f799ee5196f79461e89b656454
        );
        assertEq(
            Inbox.NewInboxItem.selector, 0xac56b74ea9119b4c4e424d8ed4c3cec0c84d1f6b02200df5a8cd27eb756994d1
        );
        assertEq(
            Wallet.Withdrawl.selector, 0x65ac0d8bb8cbc0e989ebd02ddc5161d7c499f7c21792e43fcf170314fe6bcc3f
        );
        assertEq(Wallet.Approval.selector, 0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925);
        assertEq(Wallet.Escrow.selector, 0x813582499997f00ba0142c7813740a6e381df71a63d11d8c8f208f66b7795d26);
        assertEq(Wallet.Transfer.selector, 0xd1398bee19313d6bf672ccb116e51f4a1a947e91c757907f51fbb5b5e56c698f);
        assertEq(
            WalletFactory.WalletCreated.selector,
            0xca0b7dde26052d34217ef1a0cee48085a07ca32da0a918609937a307d496bbf5
        );
        assertEq(
            Ownable.OwnershipTransferred.selector,
            0x8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e0
        );
        assertEq(
            Ownable.OwnershipHandoverRequested.selector,
            0xdbf36a107da19e49527a7176a1babf963b4b0ff8cde35ee35d6cd8f1f9ac7e1d
        );
        assertEq(
            Ownable.OwnershipHandoverCanceled.selector,
            0xfa7b8eab7da67f412cc9575ed43464468f9bfbae89d1675917346ca6d8fe3c92
        );
    }
}
