import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import solc from 'solc';
import { projectFolder } from '../src/doors/dev/index.ts';

/** Without the metadata hash the bytecode depends on sources and settings only. */
const SETTINGS = {
  evmVersion: 'cancun',
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
};

type Output = {
  errors?: { severity: string; formattedMessage: string }[];
  contracts?: Record<
    string,
    Record<
      string,
      {
        /** Of Solidity alone. */
        abi?: unknown[];
        evm: { bytecode: { object: string }; deployedBytecode: { object: string } };
      }
    >
  >;
};

/** Each contract and its source. */
const CONTRACTS = {
  DevToken: 'contracts/DevToken.sol',
  OddToken: 'contracts/OddTokens.sol',
  SilentToken: 'contracts/OddTokens.sol',
  Refuser: 'contracts/OddTokens.sol',
  OddWallet: 'contracts/OddWallet.sol',
  Permit2: 'contracts/Permit2.sol',
  ExactPermit2Proxy: 'contracts/Permit2.sol',
  UptoPermit2Proxy: 'contracts/Permit2.sol',
  PassEach: 'contracts/PassEach.yul',
};

/** Path and text of every committed artifact, made anew from the sources. */
export function compileContracts(): [path: string, text: string][] {
  return Object.entries(CONTRACTS).map(([contractName, source]) => [
    `contracts/artifacts/${contractName}.json`,
    compile(contractName, source),
  ]);
}

function compile(contractName: string, name: string): string {
  const root = projectFolder();
  const input = {
    language: name.endsWith('.yul') ? 'Yul' : 'Solidity',
    sources: { [name]: { content: readFileSync(join(root, name), 'utf8') } },
    settings: SETTINGS,
  };
  const findImport = (path: string) => {
    const file = join(root, 'node_modules', path);
    return existsSync(file) ? { contents: readFileSync(file, 'utf8') } : { error: 'not found' };
  };
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: findImport }) as string,
  ) as Output;
  const fault = output.errors?.find((entry) => entry.severity === 'error');
  const contract = output.contracts?.[name]?.[contractName];
  if (fault !== undefined || contract === undefined) {
    throw new Error(fault?.formattedMessage ?? `${name} has no contract ${contractName}`);
  }
  const { outputSelection, ...settings } = SETTINGS;
  const artifact = {
    contractName,
    sourceName: name,
    compiler: { version: solc.version() as string, settings },
    abi: contract.abi ?? [],
    bytecode: `0x${contract.evm.bytecode.object}`,
    deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
  };
  return `${JSON.stringify(artifact, null, 2)}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [path, text] of compileContracts()) writeFileSync(join(projectFolder(), path), text);
}
