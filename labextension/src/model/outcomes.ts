/** How operations end: the server and the cards say it beside the state, which is only shown. */
import type { components } from '../api/types.gen';

export type Outcome = components['schemas']['Outcome'];

/** Text glyphs: the saved html has the same ones, since a notebook page may have no icon font. */
const GLYPHS: Readonly<Record<Outcome, string>> = {
  succeeded: '✔',
  failed: '✖',
  canceled: '✖',
  rejected: '✖',
  notSubmitted: '✖',
  unknown: '?'
};

export const IN_PROGRESS_GLYPH = '•';

/** The states of a finished fleet, which the front end writes if the kernel is no longer running. */
export const FLEET_STATES = {
  succeeded: { state: 'Succeeded', outcome: 'succeeded' },
  failed: { state: 'Failed', outcome: 'failed' }
} as const;

/** Something that ends; its outcome is null while it is in progress. */
export interface IHasOutcome {
  readonly outcome: Outcome | null;
}

/** Return the outcome of a card as saved, null while it is in progress. */
export function readOutcome(value: unknown): Outcome | null {
  return typeof value === 'string' && isOutcome(value) ? value : null;
}

export function isSuccess({ outcome }: IHasOutcome): boolean {
  return outcome === 'succeeded';
}

export function glyphOf({ outcome }: IHasOutcome): string {
  return outcome ? GLYPHS[outcome] : IN_PROGRESS_GLYPH;
}

function isOutcome(value: string): value is Outcome {
  return Object.hasOwn(GLYPHS, value);
}
