// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Elementary} from "../../verifier/Elementary.sol";
import {FunctionsHarness} from "./FunctionsHarness.sol";

/// @title `Elementary` on lists of cases. For tests only.
contract ElementaryHarness is Elementary, FunctionsHarness {}
