// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IDispute} from "contracts/interfaces/IDispute.sol";
import {IInferenceOracle} from "contracts/interfaces/IInferenceOracle.sol";
import {HostileConsumer} from "contracts/mocks/HostileConsumer.sol";
import {GameBook} from "./GameBook.sol";

/// @dev The contracts and who uses them.
abstract contract System is GameBook {
    /// @dev The first two of them are honest.
    uint256 internal constant OPERATORS = 4;

    /// @dev The place of the honest challenger, who does nothing else.
    uint256 internal constant WATCHER = 4;
    uint256 internal constant KEYS = 5;
    uint256 internal constant CONSUMERS = 4;
    uint32 internal constant CALLBACK_GAS = 200_000;

    /// @dev Calls go to one of the last requests, so that fifty calls lead one through its whole life.
    uint256 internal constant LIVELY = 2;
    uint256 internal constant STAKE = 8 ether;
    address payable internal constant OUTSIDE = payable(address(0xBEEF0000));

    IDispute public dispute;
    uint256 public forced;
    address[] internal _accounts;

    function _begin() internal {
        dispute = _deploySystem(MAX_DEMANDS, DEMANDS_PER_MOVE);
        _loadPrograms();
        for (uint256 key = 1; key <= KEYS; ++key) {
            _accounts.push(vm.addr(key));
        }
        for (uint256 i = 0; i < CONSUMERS; ++i) {
            _accounts.push(address(new HostileConsumer()));
        }
        for (uint256 i = 0; i < OPERATORS; ++i) {
            vm.deal(address(this), STAKE);
            oracle.deposit{value: STAKE}(account(i));
            owned[account(i)] = STAKE;
        }
    }

    // ------------------------------------------------------------------ who and which

    /// @dev Actors sign with the keys 1 to `KEYS`; after them come the consumers.
    function account(uint256 who) public view returns (address) {
        return _accounts[who % _accounts.length];
    }

    function accounts() external view returns (uint256) {
        return _accounts.length;
    }

    function system() external view returns (IInferenceOracle) {
        return oracle;
    }

    function _isHonest(address operator) internal view returns (bool) {
        return operator == _accounts[0] || operator == _accounts[1];
    }

    function _place(uint256 which) internal view returns (uint256) {
        uint256 back = which % (_entries.length < LIVELY ? _entries.length : LIVELY);
        return _entries.length - 1 - back;
    }
}
