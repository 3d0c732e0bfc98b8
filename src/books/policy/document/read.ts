import { Assets, Faults, fitShape, type Settings, shown } from '../../../base/config/index.ts';
import { judgeTogether } from './contradictions.ts';
import type { PolicyWorld } from './match.ts';
import { Source } from './positions.ts';
import { readRule } from './rules.ts';
import { DocumentSchema, RULE_SCHEMAS, type RuleSections } from './schema.ts';
import type { Policy, PolicyFault, Rule } from './types.ts';

const LONGEST = 1024 * 1024;

type PolicyRead = { policy: Policy; faults: null } | { policy: null; faults: PolicyFault[] };

/**
 * Reads a policy document, YAML 1.2 or JSON, and checks it by itself and against the assets and chains of the
 * configuration. All faults at once, in the order of the text. Pure.
 */
export function readPolicy(text: string, world: PolicyWorld): PolicyRead {
  if (text.length > LONGEST) {
    return refused([
      { ...START, found: `${text.length} characters`, expected: `at most ${LONGEST}` },
    ]);
  }
  const source = new Source(text);
  const value = parsed(source);
  if (Array.isArray(value)) return refused(value);
  const faults = new Faults();
  const document = fitShape<{ rules: unknown[] }>(DocumentSchema, value.document, faults);
  const rules = (document?.rules ?? []).flatMap((section, index) => {
    const path = `rules[${index}]`;
    const rule = ruleOf(section, { world, path, faults });
    return rule === null ? [] : { rule, path };
  });
  judgeTogether(rules, faults);
  if (faults.count === 0) return { policy: { rules: rules.map(({ rule }) => rule) }, faults: null };
  const ids = new Map(rules.map(({ rule, path }) => [path, rule.id]));
  return refused(
    faults.all.map(({ path, found, allowed }) => ({
      rule: ids.get(/^rules\[\d+\]/.exec(path)?.[0] ?? '') || null,
      path,
      ...source.locate(path),
      found,
      expected: allowed,
    })),
  );
}

/** What documents may name in an installation. */
export function policyWorld(settings: Pick<Settings, 'assets' | 'chains' | 'guard'>): PolicyWorld {
  return {
    assets: new Assets(settings.assets),
    chains: settings.chains.map(({ id }) => id),
    groups: settings.guard.approvals.groups,
  };
}

/** One line: where, which rule, what came, what was expected. */
export function tellPolicyFault({
  rule,
  path,
  line,
  column,
  found,
  expected,
}: PolicyFault): string {
  const place = `line ${line}, column ${column}`;
  const within = path.replace(/^rules\[\d+\]\.?/, '');
  const what = rule === null ? path : [`rule ${rule}`, within].filter(Boolean).join(', ');
  return `${[place, what].filter(Boolean).join(', ')}: found ${found}; expected ${expected}`;
}

const START = { rule: null, path: '', line: 1, column: 1 };

function refused(faults: PolicyFault[]): PolicyRead {
  const inOrder = [...faults].sort((a, b) => a.line - b.line || a.column - b.column);
  return { policy: null, faults: inOrder };
}

/** The value of the text, or why it is none. */
function parsed(source: Source): { document: unknown } | PolicyFault[] {
  const expected = 'YAML 1.2 or JSON';
  const errors = source.errors;
  if (errors.length > 0) {
    return errors.map(({ line, column, message }) => {
      return { ...START, line, column, found: `no YAML (${message})`, expected };
    });
  }
  try {
    return { document: source.value };
  } catch {
    return [{ ...START, found: 'aliases that blow the document up', expected }];
  }
}

type Place = { world: PolicyWorld; path: string; faults: Faults };

/** Null: it is of no type, which is told; all else of it can not be judged. */
function ruleOf(section: unknown, place: Place): Rule | null {
  const { path, faults } = place;
  const type = (section as { type?: unknown } | null)?.type;
  const types = Object.keys(RULE_SCHEMAS);
  if (typeof section !== 'object' || section === null || Array.isArray(section)) {
    faults.add(path, shown(section), 'a section of id, type, match and what the type needs');
    return null;
  }
  if (typeof type !== 'string' || !Object.hasOwn(RULE_SCHEMAS, type)) {
    faults.add(`${path}.type`, shown(type), types.join(', '));
    return null;
  }
  const known = type as keyof RuleSections;
  const fitted = fitShape<RuleSections[typeof known]>(RULE_SCHEMAS[known], section, faults, path);
  return readRule({ ...fitted, type: known } as Parameters<typeof readRule>[0], place);
}
