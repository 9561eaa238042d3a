// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Forces ether upon an account that cannot refuse it. For tests only.
contract ForceSender {
    constructor(address payable to) payable {
        selfdestruct(to);
    }
}
