// Init code for one eth_call without `to`: makes each of the calls that stand behind it, undoes it, and returns a byte
// for each: 1 where it went through. A call is 20 bytes of address, 4 of gas, 4 of length, and its data.
object "PassEach" {
    code {
        let end := codesize()
        let made := 0
        // Below it the bytes that are returned.
        let child := 0x1000
        datacopy(child, dataoffset("PassOne"), datasize("PassOne"))
        let given := add(child, datasize("PassOne"))
        for { let at := datasize("PassEach") } lt(at, end) { } {
            codecopy(given, at, 28)
            let size := add(28, and(shr(32, mload(given)), 0xffffffff))
            codecopy(given, at, size)
            // It ends by a revert, always: no call sees what another one did. Out of gas it gives nothing back, which is a no.
            pop(create(0, child, add(datasize("PassOne"), size)))
            if eq(returndatasize(), 1) { returndatacopy(made, 0, 1) }
            made := add(made, 1)
            at := add(at, size)
        }
        return(0, made)
    }

    object "PassOne" {
        code {
            let size := sub(codesize(), datasize("PassOne"))
            codecopy(0, datasize("PassOne"), size)
            let given := mload(0)
            let allowed := and(shr(64, given), 0xffffffff)
            mstore8(0, call(allowed, shr(96, given), 0, 28, sub(size, 28), 0, 0))
            revert(0, 1)
        }
    }
}
