// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Ownable} from "solady/auth/Ownable.sol";

/// @title Fee
/// @notice Protocol fee rate and its recipient
/// @dev The recipient is the owner: a transfer of ownership redirects the fee, and renouncing it sends native
///      fees to the zero address
contract Fee is Ownable {
    /// @dev The owner once more, in one slot with the rate: a delivery reads both
    address private recipient;

    /// @notice Fee rate in hundredths of a percent (10 000 = 100 %), charged to either side of a payment
    uint16 public FEE;

    /// @notice The rate changed
    /// @param oldFee previous rate, hundredths of a percent
    /// @param newFee present rate, hundredths of a percent
    event FeeUpdated(uint16 oldFee, uint16 newFee);

    /// @param feeRecipient receives fees and may change the rate; zero is allowed
    /// @param fee initial rate, hundredths of a percent
    constructor(address feeRecipient, uint16 fee) {
        _initializeOwner(feeRecipient);
        FEE = fee;
    }

    /// @notice Address that receives protocol fees
    /// @return feeRecipient the owner of this contract
    function FEE_RECIPIENT() external view returns (address feeRecipient) {
        return recipient;
    }

    /// @notice Rate and recipient at once, as a delivery asks for them
    /// @return fee as `FEE`
    /// @return feeRecipient as `FEE_RECIPIENT`
    function terms() external view returns (uint16 fee, address feeRecipient) {
        return (FEE, recipient);
    }

    /// @notice Sets the rate for later deliveries
    /// @dev Every 16-bit value is accepted, as it always was. The consumer's side is charged twice the rate, so
    ///      above 5 000 paid deliveries fail with `Coordinator.ProtocolFeeTooHigh`
    /// @param newFee rate in hundredths of a percent
    function updateFee(uint16 newFee) external onlyOwner {
        emit FeeUpdated(FEE, newFee);
        FEE = newFee;
    }

    /// @dev Keeps the recipient in step
    function _initializeOwner(address newOwner) internal virtual override {
        super._initializeOwner(newOwner);
        recipient = newOwner;
    }

    /// @dev Keeps the recipient in step
    function _setOwner(address newOwner) internal virtual override {
        super._setOwner(newOwner);
        recipient = newOwner;
    }
}
