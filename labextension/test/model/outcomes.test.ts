import { expect, it } from 'vitest';

import { isSuccess, readOutcome } from '../../src/model/outcomes';

it.each(['succeeded', 'failed', 'canceled', 'rejected', 'notSubmitted', 'unknown'])('%s is an outcome', text => {
  const outcome = readOutcome(text);
  expect(outcome).toBe(text);
  expect(isSuccess({ outcome })).toBe(text === 'succeeded');
});

it.each([undefined, null, '', 'Succeeded', 'toString', 5])('the value %s is no outcome, but in progress', value => {
  expect(readOutcome(value)).toBeNull();
});
