// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

// Where third-party tests and deploy scripts look for it.
import {LibDeploy} from "../../../contracts/testing/LibDeploy.sol";
