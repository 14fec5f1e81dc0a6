/** The lines that would make requirements install, each with a button that puts it in its place. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useState } from 'react';

import type { IFix } from '../model/plan';

/** Replaces lines of requirements. */
export interface IFixApplier {
  /** Return whether the line can be replaced: its user may have changed it since it was checked. */
  canApply(fix: IFix): boolean;
  apply(fix: IFix): void;
}

interface IFixesProps {
  readonly fixes: ReadonlyArray<IFix>;
  readonly applier: IFixApplier | null;
  readonly trans: TranslationBundle;
}

export function Fixes({ fixes, applier, trans }: IFixesProps): React.JSX.Element | null {
  const [isApplied, setIsApplied] = useState(false);
  if (!fixes.length) {
    return null;
  }
  if (isApplied) {
    return (
      <p className="jp-KustoImage-fixes" role="status">
        {trans.__('The line is changed. Nothing was sent: run the cell to check it again.')}
      </p>
    );
  }
  const apply = (fix: IFix): void => {
    // The user may have changed the line since the buttons were shown.
    setIsApplied(applier?.canApply(fix) ?? false);
    applier?.apply(fix);
  };
  return (
    <div className="jp-KustoImage-fixes">
      <span>{trans._n('This change fixes it:', 'Each of these changes fixes it:', fixes.length)}</span>
      <ul>
        {fixes.map(fix => (
          <li key={`${fix.line} ${fix.text}`}>
            <span>{trans.__('line %1', fix.line)}</span>{' '}
            <code>
              <bdi>{fix.text}</bdi>
            </code>{' '}
            {applier?.canApply(fix) ? (
              <button
                type="button"
                className="jp-KustoImage-link"
                aria-label={trans.__('Apply %1', fix.text)}
                onClick={() => apply(fix)}
              >
                {trans.__('Apply')}
              </button>
            ) : null}
          </li>
        ))}
      </ul>
    </div>
  );
}
