// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IDispute} from "../interfaces/IDispute.sol";

/// @title Challengers' and operators' ether that no game holds any more, and the way out.
/// @dev The contract's ether itself is never read, so ether forced upon it changes nothing.
abstract contract Credits is IDispute, ReentrancyGuardTransient {
    /// @dev Burnt ether leaves to here.
    address private constant BURN = address(0);

    mapping(address account => uint256 credit) private _credits;

    /// @inheritdoc IDispute
    function withdraw(uint256 amount, address payable to) external nonReentrant {
        // Check
        require(to != address(0), Dispute_ZeroAddress());
        uint256 available = _credits[msg.sender];
        require(amount <= available, Dispute_CreditTooSmall(available, amount));
        // Effect
        _credits[msg.sender] = available - amount;
        emit CreditWithdrawn(msg.sender, to, amount);
        // Interaction
        (bool taken,) = to.call{value: amount}("");
        require(taken, Dispute_TransferFailed(to));
    }

    /// @inheritdoc IDispute
    function creditOf(address account) external view returns (uint256) {
        return _credits[account];
    }

    function _credit(address account, uint256 amount) internal {
        _credits[account] += amount;
    }

    function _burn(uint256 amount) internal {
        (bool burnt,) = BURN.call{value: amount}("");
        require(burnt, Dispute_TransferFailed(BURN));
    }
}
