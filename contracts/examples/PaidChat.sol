// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Registry} from "../Registry.sol";
import {CallbackConsumer} from "../consumer/Callback.sol";
import {Wallet} from "../payments/Wallet.sol";
import {WalletFactory} from "../payments/WalletFactory.sol";
import {AnswerDecoder} from "./AnswerDecoder.sol";

/// @title PaidChat
/// @notice Asks a language model a question for a price, which the asker pays and gets back while unanswered
/// @dev The terms are this contract's, not the caller's: whoever chose amount, wallet or verifier could spend
///      everything that the wallet allows. Tokens that charge on transfer would leave the wallet short of what
///      other askers paid, so name none
contract PaidChat is CallbackConsumer, AnswerDecoder {
    using SafeTransferLib for address;

    /// @notice Wallet that holds what is paid for open questions; owned by this contract
    Wallet public immutable WALLET;

    /// @notice Token of the price; zero for the native coin
    address public immutable TOKEN;

    /// @notice Price of one answer, raw units
    uint256 public immutable PRICE;

    /// @notice Container that answers
    string public containerId;

    /// @notice Answers by subscription id; empty until answered
    mapping(uint32 => string) public answer;

    /// @notice Who paid for a question that is still open
    mapping(uint32 => address) public payer;

    /// @notice A question was asked and paid for
    /// @param subscriptionId id of the request
    /// @param asker who asked
    event ChatRequested(uint32 indexed subscriptionId, address indexed asker);

    /// @notice A question was answered
    /// @param subscriptionId id of the request
    /// @param node address that delivered
    /// @param answer text of the model
    event AnswerReceived(uint32 indexed subscriptionId, address indexed node, string answer);

    /// @notice A question was withdrawn and its price given back
    /// @param subscriptionId id of the request
    /// @param asker who got the price back
    event Refunded(uint32 indexed subscriptionId, address indexed asker);

    /// @notice The coin sent along is not the price, or the price is due in tokens
    error WrongPayment();

    /// @notice The question is answered, refunded, or somebody else's
    error NotPayer();

    /// @notice Only the wallet sends coin here
    error NotWallet();

    /// @param registry address of the address book
    /// @param containerId_ id of a container that nodes run
    /// @param token ERC20 address, or zero for the native coin
    /// @param price raw units per answer
    constructor(address registry, string memory containerId_, address token, uint256 price)
        CallbackConsumer(registry)
    {
        containerId = containerId_;
        TOKEN = token;
        PRICE = price;
        // Only wallets of the factory can pay.
        WalletFactory factory = WalletFactory(Registry(registry).WALLET_FACTORY());
        Wallet wallet = Wallet(payable(factory.createWallet(address(this))));
        wallet.approve(address(this), token, type(uint256).max);
        WALLET = wallet;
    }

    /// @notice Receives refunds from the wallet on their way to the asker
    receive() external payable {
        if (msg.sender != address(WALLET)) revert NotWallet();
    }

    /// @notice Asks a question and pays for it: coin is sent along, tokens have to be approved beforehand
    /// @param inputs `abi.encode(string question)`
    /// @return subscriptionId id under which `answer` will hold the answer
    function chatWithLLM(bytes memory inputs) external payable returns (uint32 subscriptionId) {
        if (msg.value != (TOKEN == address(0) ? PRICE : 0)) revert WrongPayment();

        subscriptionId = _requestCompute(containerId, inputs, 1, TOKEN, PRICE, address(WALLET), address(0));
        payer[subscriptionId] = msg.sender;
        emit ChatRequested(subscriptionId, msg.sender);
        if (TOKEN == address(0)) {
            address(WALLET).safeTransferETH(PRICE);
        } else {
            TOKEN.safeTransferFrom(msg.sender, address(WALLET), PRICE);
        }
    }

    /// @notice Withdraws a question that nobody has answered, and gives its price back
    /// @param subscriptionId id of the request
    function refund(uint32 subscriptionId) external {
        if (payer[subscriptionId] != msg.sender) revert NotPayer();

        delete payer[subscriptionId];
        emit Refunded(subscriptionId, msg.sender);
        // Cancelled first: a node that answered afterwards would be paid from another asker's money.
        COORDINATOR.cancelSubscription(subscriptionId);
        WALLET.withdraw(TOKEN, PRICE);
        if (TOKEN == address(0)) {
            msg.sender.safeTransferETH(PRICE);
        } else {
            TOKEN.safeTransfer(msg.sender, PRICE);
        }
    }

    /// @dev Called once per request, after the node was paid
    function _receiveCompute(
        uint32 subscriptionId,
        uint32, // interval: always 1
        uint16, // redundancy: always 1
        address node,
        bytes calldata, // input
        bytes calldata output,
        bytes calldata, // proof
        bytes32, // containerId: zero, since the answer is pushed
        uint256 // index
    ) internal override {
        string memory text = _readAnswer(output);
        delete payer[subscriptionId];
        answer[subscriptionId] = text;
        emit AnswerReceived(subscriptionId, node, text);
    }
}
