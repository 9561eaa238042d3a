// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IInferenceOracle} from "./interfaces/IInferenceOracle.sol";

/// @title Everybody's ether: one slot an account, and one way out.
/// @dev Invariant: the sum of balances, plus the fees of open requests, never exceeds the contract's ether. The
/// contract's ether itself is never read, so ether forced upon it changes nothing.
abstract contract Stake is IInferenceOracle, ReentrancyGuardTransient {
    /// @dev In wei; `locked <= balance`.
    struct Account {
        uint128 balance;
        uint128 locked;
    }

    /// @dev Burnt ether leaves to here.
    address private constant BURN = address(0);

    mapping(address => Account) private _accounts;

    /// @inheritdoc IInferenceOracle
    function deposit(address account) external payable {
        require(account != address(0), InferenceOracle_ZeroAddress());
        _credit(account, msg.value);
        emit Deposited(account, msg.value);
    }

    /// @inheritdoc IInferenceOracle
    function withdraw(uint256 amount, address payable to) external nonReentrant {
        // Check
        require(to != address(0), InferenceOracle_ZeroAddress());
        Account storage account = _accounts[msg.sender];
        uint256 free = account.balance - account.locked;
        require(amount <= free, InferenceOracle_FreeStakeTooSmall(free, amount));
        // Effect
        account.balance -= uint128(amount);
        emit Withdrawn(msg.sender, to, amount);
        // Interaction
        (bool taken,) = to.call{value: amount}("");
        require(taken, InferenceOracle_TransferFailed(to));
    }

    /// @inheritdoc IInferenceOracle
    function accountOf(address account) external view returns (uint256 balance, uint256 locked) {
        Account storage held = _accounts[account];
        return (held.balance, held.locked);
    }

    function _credit(address account, uint256 amount) internal {
        // All ether there is, is below 2^90 wei.
        unchecked {
            _accounts[account].balance += uint128(amount);
        }
    }

    /// @dev Whether `amount` of free stake was there to be locked.
    function _tryLock(address account, uint256 amount) internal returns (bool) {
        Account memory held = _accounts[account];
        unchecked {
            if (held.balance - held.locked < amount) return false;
            held.locked += uint128(amount);
        }
        _accounts[account] = held;
        return true;
    }

    /// @dev Unlocks a bond and pays a fee in one store.
    function _unlockAndCredit(address account, uint256 bond, uint256 fee) internal {
        Account memory held = _accounts[account];
        held.locked -= uint128(bond);
        unchecked {
            held.balance += uint128(fee);
        }
        _accounts[account] = held;
    }

    /// @dev Takes a locked bond away; shares in ten-thousandths; what nobody gets is burnt.
    function _slash(
        address account,
        uint256 bond,
        address finder,
        uint256 finderShare,
        address opener,
        uint256 openerShare
    ) internal {
        uint256 toFinder = bond * finderShare / 10_000;
        uint256 toOpener = bond * openerShare / 10_000;
        Account storage held = _accounts[account];
        held.locked -= uint128(bond);
        held.balance -= uint128(bond);
        _credit(finder, toFinder);
        _credit(opener, toOpener);
        (bool burnt,) = BURN.call{value: bond - toFinder - toOpener}("");
        require(burnt, InferenceOracle_TransferFailed(BURN));
    }
}
