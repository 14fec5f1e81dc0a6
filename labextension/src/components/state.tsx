/** How all views show a state: an icon, and a badge with the state as text. */
import type * as React from 'react';

import { stateIcon } from '../icons';
import type { IHasOutcome, Outcome } from '../model/outcomes';

/** The kinds of states that have a color. */
type Tone = 'success' | 'error' | 'warning' | 'running' | 'neutral';

const TONES: Readonly<Record<Outcome, Tone>> = {
  succeeded: 'success',
  failed: 'error',
  rejected: 'error',
  canceled: 'neutral',
  notSubmitted: 'neutral',
  unknown: 'warning'
};

/** Return the class that gives a state its color. */
export function toneClass({ outcome }: IHasOutcome): string {
  return `jp-KustoImage-tone jp-mod-${outcome ? TONES[outcome] : 'running'}`;
}

/** The icon of a state. It has no text: a badge or a label beside it says the state. */
export function StateIcon({ outcome }: IHasOutcome): React.JSX.Element {
  const Icon = stateIcon(outcome).react;
  return <Icon tag="span" className={`jp-KustoImage-stateIcon ${toneClass({ outcome })}`} aria-hidden="true" />;
}

interface IStateBadgeProps extends IHasOutcome {
  readonly state: string;
}

/** A state as text on a colored ground. */
export function StateBadge({ state, outcome }: IStateBadgeProps): React.JSX.Element {
  return <span className={`jp-KustoImage-badge ${toneClass({ outcome })}`}>{state}</span>;
}
