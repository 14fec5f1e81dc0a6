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
