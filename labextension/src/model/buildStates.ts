/**
 * The states of operations: what each of them means for the browser.
 *
 * `BuildState` is generated from the enum in Python, so that the compiler finds a state that is missing here.
 */
import type { components } from '../api/types.gen';

export type BuildState = components['schemas']['BuildState'];

/** How an operation ended. */
export type Outcome = 'succeeded' | 'failed' | 'canceled' | 'rejected' | 'notSubmitted' | 'unknown';

const OUTCOMES: Readonly<Record<BuildState, Outcome | undefined>> = {
  Checking: undefined,
  Queued: undefined,
  Submitting: undefined,
  Building: undefined,
  Deleting: undefined,
  Enabling: undefined,
  Disabling: undefined,
  Confirming: undefined,
  Succeeded: 'succeeded',
  Deleted: 'succeeded',
  Enabled: 'succeeded',
  Disabled: 'succeeded',
  Failed: 'failed',
  Canceled: 'canceled',
  Rejected: 'rejected',
  'Not submitted': 'notSubmitted',
  Unknown: 'unknown'
};

/** Text glyphs: the saved html has the same ones, since a notebook page may have no icon font. */
const GLYPHS: Readonly<Record<Outcome, string>> = {
  succeeded: '✔',
  failed: '✖',
  canceled: '⊘',
  rejected: '✖',
  notSubmitted: '✖',
  unknown: '?'
};

export const IN_PROGRESS_GLYPH = '⏳';

/** The states of a finished fleet, which the front end writes if the kernel is no longer running. */
export const FLEET_STATES = { succeeded: 'Succeeded', failed: 'Failed' } as const satisfies Record<string, BuildState>;

/** Return how an operation in this state ended, undefined while it is in progress (for a fleet: Working). */
export function outcomeOf(state: string): Outcome | undefined {
  return isBuildState(state) ? OUTCOMES[state] : undefined;
}

export function isSuccess(state: string): boolean {
  return outcomeOf(state) === 'succeeded';
}

export function glyphOf(state: string): string {
  const outcome = outcomeOf(state);
  return outcome ? GLYPHS[outcome] : IN_PROGRESS_GLYPH;
}

function isBuildState(state: string): state is BuildState {
  return Object.hasOwn(OUTCOMES, state);
}
