// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev For tests: a token that is honest until it is told otherwise, in storage slot 0.
contract OddToken {
    enum Mode {
        Honest,
        FeeFromAmount,
        FeeFromSender,
        AnswersFalse,
        Paused
    }

    Mode public mode;
    mapping(address => uint256) public balanceOf;
    mapping(address => bool) public blocked;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function decimals() external pure returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function blockAccount(address account) external {
        blocked[account] = true;
    }

    /// @dev A fee is a hundredth, and stays here.
    function transfer(address to, uint256 value) external returns (bool) {
        require(mode != Mode.Paused, "paused");
        require(!blocked[to], "blocked");
        if (mode == Mode.AnswersFalse) return false;
        uint256 fee = value / 100;
        if (mode == Mode.FeeFromAmount) value -= fee;
        _move(to, value);
        if (mode == Mode.FeeFromAmount || mode == Mode.FeeFromSender) _move(address(this), fee);
        return true;
    }

    function _move(address to, uint256 value) private {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
    }
}

/// @dev For tests: answers nothing at all, as USDT on Ethereum.
contract SilentToken {
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function decimals() external pure returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function transfer(address to, uint256 value) external {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
    }
}

/// @dev For tests: a recipient that takes no coins.
contract Refuser {
    receive() external payable {
        revert("no coins");
    }
}
