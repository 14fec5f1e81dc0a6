/**
 * The state words of cards. The kernel and the server write them; this table is the only one in the browser.
 *
 * A card with another word is still in progress: Checking, Queued, Submitting, Building, Deleting, Enabling, Disabling,
 * Confirming, and Working for a fleet.
 */

/** How an operation ended. */
export type Outcome = 'succeeded' | 'failed' | 'canceled' | 'rejected' | 'notSubmitted' | 'unknown';

const OUTCOMES: ReadonlyMap<string, Outcome> = new Map([
  ['Succeeded', 'succeeded'],
  ['Deleted', 'succeeded'],
  ['Enabled', 'succeeded'],
  ['Disabled', 'succeeded'],
  ['Failed', 'failed'],
  ['Canceled', 'canceled'],
  ['Rejected', 'rejected'],
  ['Not submitted', 'notSubmitted'],
  ['Unknown', 'unknown']
]);

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
export const FLEET_STATES = { succeeded: 'Succeeded', failed: 'Failed' } as const;

/** Return how an operation in this state ended, undefined while it is in progress. */
export function outcomeOf(state: string): Outcome | undefined {
  return OUTCOMES.get(state);
}

export function isSuccess(state: string): boolean {
  return outcomeOf(state) === 'succeeded';
}

export function glyphOf(state: string): string {
  const outcome = outcomeOf(state);
  return outcome ? GLYPHS[outcome] : IN_PROGRESS_GLYPH;
}
