/** Why an operation did not succeed, what to do next, and what to quote in a support request. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { Correction } from '../components/correction';
import { Fixes } from '../components/fixes';
import { Remarks, sentence } from '../components/remarks';
import { toneClass } from '../components/state';
import { hintText } from '../model/hints';
import { isSuccess } from '../model/outcomes';
import { wholeCorrection } from '../model/plan';
import type { CardActions } from './cardActions';
import type { ICard } from './cardData';

interface IFailureProps {
  readonly card: ICard;
  readonly actions: CardActions;
  readonly trans: TranslationBundle;
}

export function Failure({ card, actions, trans }: IFailureProps): React.JSX.Element | null {
  if (!card.ended || isSuccess(card)) {
    return null;
  }
  const [what = '', ...why] = failureTexts(card, trans);
  const next = hintText(card.hint, trans);
  return (
    <div className="jp-KustoImage-failure">
      {what ? (
        <p className={`jp-KustoImage-what ${whatTone(card)}`}>
          <bdi>{sentence(what)}</bdi>
        </p>
      ) : null}
      {why.map(line => (
        <p key={line} className="jp-KustoImage-why">
          <bdi>{line}</bdi>
        </p>
      ))}
      <Proposal card={card} actions={actions} trans={trans} />
      <Remarks lines={card.plan?.verdict === 'conflict' ? card.plan.suggestions : []} />
      {next ? <p className="jp-KustoImage-next">{next}</p> : null}
      <Ids ids={card.ids} actions={actions} trans={trans} />
    </div>
  );
}

/** Corrected requirements, or else the fixes of single lines. */
function Proposal({ card, actions, trans }: IFailureProps): React.JSX.Element {
  const correction = card.correction ?? wholeCorrection(card.plan);
  return correction ? (
    <Correction correction={correction} applier={actions} trans={trans} />
  ) : (
    <>
      <Remarks lines={card.plan?.problems ?? []} />
      <Fixes fixes={card.plan?.fixes ?? []} applier={actions} trans={trans} />
    </>
  );
}

/** Return the color of what happened: what the check has stopped is an error of the requirements. */
function whatTone({ outcome }: ICard): string {
  return toneClass({ outcome: outcome === 'notSubmitted' ? 'failed' : outcome });
}

/** Return what happened, then why, a line each. */
function failureTexts({ plan, error, outcome }: ICard, trans: TranslationBundle): string[] {
  const isConflict = outcome === 'notSubmitted' && plan?.verdict === 'conflict';
  return isConflict ? [trans.__('These requirements cannot be installed'), sentence(plan.reason)] : [...error];
}

function Ids({
  ids,
  actions,
  trans
}: Omit<IFailureProps, 'card'> & { readonly ids: string }): React.JSX.Element | null {
  return ids ? (
    <details className="jp-KustoImage-ids">
      <summary>{trans.__('Request IDs')}</summary>
      <code>
        <bdi>{ids}</bdi>
      </code>{' '}
      <button type="button" className="jp-KustoImage-link" onClick={() => actions.copy(ids)}>
        {trans.__('Copy')}
      </button>
    </details>
  ) : null;
}
