/** The steps of an operation, and which of them is in progress or where it ended. */
import { checkIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { Fragment } from 'react';

import { toneClass } from '../components/state';
import type { IStep } from '../model/actions';
import { isSuccess } from '../model/outcomes';
import type { ICard, Phase } from './cardData';

const PHASES: readonly Phase[] = ['check', 'submit', 'work', 'done'];

type Progress = 'done' | 'current' | 'stopped' | 'skipped' | 'waiting';

interface IStepsProps {
  readonly card: ICard;
  readonly steps: ReadonlyArray<IStep>;
  readonly trans: TranslationBundle;
}

export function Steps({ card, steps, trans }: IStepsProps): React.JSX.Element | null {
  if (!card.phase) {
    return null; // written by an older version
  }
  return (
    <ol className="jp-KustoImage-steps" aria-label={trans.__('Steps')}>
      {steps.map((step, index) => (
        <Fragment key={step.phase}>
          {index > 0 ? <li aria-hidden="true" className="jp-KustoImage-line" /> : null}
          <Step card={card} step={step} trans={trans} />
        </Fragment>
      ))}
    </ol>
  );
}

interface IStepProps {
  readonly card: ICard;
  readonly step: IStep;
  readonly trans: TranslationBundle;
}

function Step({ card, step, trans }: IStepProps): React.JSX.Element {
  const progress = progressOf(card, step.phase);
  const tone = progress === 'stopped' ? toneClass(card) : '';
  return (
    <li className={`jp-mod-${progress} ${tone}`} aria-current={progress === 'current' ? 'step' : undefined}>
      {progress === 'done' ? <checkIcon.react tag="span" aria-hidden="true" /> : <span className="jp-KustoImage-dot" />}
      {stepLabel(card, step, progress, trans)}
      <span className="jp-KustoImage-hidden"> {spokenProgress(progress, trans)}</span>
    </li>
  );
}

function stepLabel({ state }: ICard, step: IStep, progress: Progress, trans: TranslationBundle): string {
  switch (progress) {
    case 'current':
      return state;
    case 'done':
      return step.done;
    case 'skipped':
      return trans.__('Not checked');
    default:
      return step.label;
  }
}

/** Return what a screen reader says of the sign in front of a step. */
function spokenProgress(progress: Progress, trans: TranslationBundle): string {
  switch (progress) {
    case 'done':
      return trans.__('(done)');
    case 'stopped':
      return trans.__('(stopped here)');
    case 'current':
    case 'skipped':
      return '';
    default:
      return trans.__('(not done)');
  }
}

/** Return how far a step of an operation is. A check that left no plan was skipped, or was made by another process. */
function progressOf(card: ICard, phase: Phase): Progress {
  const current = PHASES.indexOf(card.phase || 'check');
  const index = PHASES.indexOf(phase);
  if (index === current) {
    return !card.ended ? 'current' : isSuccess(card) ? 'done' : 'stopped';
  }
  if (index > current) {
    return 'waiting';
  }
  return phase === 'check' && !card.plan ? 'skipped' : 'done';
}
