/** The corrected requirements that a check or an input error proposes, with a button that puts them in place. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useState } from 'react';

import type { ICorrection, ILineChange } from '../model/plan';

/** Number of changed lines that are shown unfolded. */
const MAX_UNFOLDED = 8;

/** Replaces all requirements. */
export interface ICorrectionApplier {
  /** Return whether the requirements are still those that were corrected. */
  canApplyAll(correction: ICorrection): boolean;
  applyAll(correction: ICorrection): void;
}

interface ICorrectionProps {
  readonly correction: ICorrection;
  readonly applier: ICorrectionApplier | null;
  readonly trans: TranslationBundle;
}

export function Correction({ correction, applier, trans }: ICorrectionProps): React.JSX.Element {
  const [isApplied, setIsApplied] = useState(false);
  if (isApplied) {
    return (
      <p className="jp-KustoImage-correction" role="status">
        {trans.__('The requirements are changed. Nothing was sent: check them, then run the cell or build the image.')}
      </p>
    );
  }
  const apply = (): void => {
    // The user may have changed the text since the button was shown.
    setIsApplied(applier?.canApplyAll(correction) ?? false);
    applier?.applyAll(correction);
  };
  const { changes } = correction;
  return (
    <div className="jp-KustoImage-correction">
      <p>
        <b>{titleOf(correction, trans)}</b>{' '}
        {applier?.canApplyAll(correction) ? (
          <button type="button" className="jp-KustoImage-button" onClick={apply}>
            {trans._n('Apply', 'Apply all', changes.length)}
          </button>
        ) : null}
      </p>
      <details open={changes.length <= MAX_UNFOLDED}>
        <summary>{trans.__('Changed lines')}</summary>
        <Changes changes={changes} trans={trans} />
      </details>
    </div>
  );
}

function titleOf({ changes, isComplete, isChecked }: ICorrection, trans: TranslationBundle): string {
  if (!isComplete) {
    return trans._n('%1 change fixes a part of it', '%1 changes fix a part of it', changes.length);
  }
  return isChecked
    ? trans._n('%1 change fixes it', '%1 changes fix it together', changes.length)
    : trans._n('%1 change, not checked yet', '%1 changes, not checked yet', changes.length);
}

interface IChangesProps {
  readonly changes: ReadonlyArray<ILineChange>;
  readonly trans: TranslationBundle;
}

/** The changed lines: what they were, what they are instead, and why. */
export function Changes({ changes, trans }: IChangesProps): React.JSX.Element {
  return (
    <table className="jp-KustoImage-changes">
      <tbody>
        {changes.map(change => (
          <Change key={change.line} change={change} trans={trans} />
        ))}
      </tbody>
    </table>
  );
}

function Change({ change, trans }: { change: ILineChange; trans: TranslationBundle }): React.JSX.Element {
  const { line, before, reason } = change;
  return (
    <tr>
      <td>{trans.__('line %1', line)}</td>
      <td>
        <del>
          <bdi>{before}</bdi>
        </del>
        <After change={change} trans={trans} />
      </td>
      <td>
        <bdi>{reason}</bdi>
      </td>
    </tr>
  );
}

/** What takes the place of a line. The comment of a line that is left out would repeat the line and the reason. */
function After({ change, trans }: { change: ILineChange; trans: TranslationBundle }): React.JSX.Element | null {
  if (change.isLeftOut) {
    return <span>{trans.__('left out, kept as a comment')}</span>;
  }
  return change.after ? (
    <ins>
      <bdi>{change.after}</bdi>
    </ins>
  ) : null;
}
