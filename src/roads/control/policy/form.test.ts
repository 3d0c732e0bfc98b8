import { describe, expect, it } from 'vitest';
import { Assets } from '../../../base/config/index.ts';
import { parseDraft } from './form.ts';

const world = { assets: new Assets([]), chains: [], groups: [] };
const document = (comment: string) => `version: 1\nrules: [{ id: all, type: allow }] # ${comment}`;

describe('the draft of a policy', () => {
  it.each([
    ['a NUL', '\0', 'invalid_request'],
    ['half of a surrogate pair', '\ud800', 'invalid_request'],
    ['any other text', 'für alle 🙂', undefined],
  ])('with %s in its comments: %j', (_, comment, code) => {
    const draft = parseDraft({ document: document(comment), reason: 'why' }, world, true);
    expect('code' in draft ? draft.code : undefined).toBe(code);
  });
});
