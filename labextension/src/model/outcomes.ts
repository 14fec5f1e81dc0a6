/** How operations end: the server and the cards say it beside the state, which is only shown. */
import type { components } from '../api/types.gen';

export type Outcome = components['schemas']['Outcome'];

const OUTCOMES: Readonly<Record<Outcome, true>> = {
  succeeded: true,
  failed: true,
  canceled: true,
  rejected: true,
  notSubmitted: true,
  unknown: true
};

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

function isOutcome(value: string): value is Outcome {
  return Object.hasOwn(OUTCOMES, value);
}
