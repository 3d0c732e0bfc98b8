// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @dev For tests: a wallet with code whose owner signs 65 bytes, honest until it is told otherwise, in storage slot 0.
contract OddWallet is IERC1271 {
    enum Mode {
        Honest,
        SaysNo,
        Reverts,
        BurnsGas,
        Garbage,
        ChangesItsMind
    }

    Mode public mode;
    address public owner;

    /// @dev Open to all: the tests are its only users.
    function become(Mode mode_, address owner_) external {
        (mode, owner) = (mode_, owner_);
    }

    function approve(IApprovable token, address spender) external {
        token.approve(spender, type(uint256).max);
    }

    function isValidSignature(bytes32 hash, bytes memory signature) external view returns (bytes4) {
        require(mode != Mode.Reverts, "no");
        // A simulation has no gas price, a transaction has one.
        if (mode == Mode.BurnsGas || (mode == Mode.ChangesItsMind && tx.gasprice > 0)) {
            while (true) {}
        }
        if (mode == Mode.Garbage) {
            assembly {
                mstore(0, not(0))
                return(0, 32)
            }
        }
        // The owner's signature, alone or with anything after it: a wallet's bytes have a form of its own.
        bytes memory own = new bytes(65);
        for (uint256 i = 0; i < 65 && i < signature.length; i++) own[i] = signature[i];
        (address signer,,) = ECDSA.tryRecover(hash, own);
        return mode != Mode.SaysNo && signer == owner ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}

interface IApprovable {
    function approve(address spender, uint256 value) external returns (bool);
}
