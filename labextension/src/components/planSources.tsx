/** What a check compared with, and the lock of what it found. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import type { ILock, IPlan } from '../model/plan';

interface IPlanSourcesProps {
  readonly plan: Pick<IPlan, 'baseList' | 'lock'>;
  readonly trans: TranslationBundle;
}

export function PlanSources({ plan: { baseList, lock }, trans }: IPlanSourcesProps): React.JSX.Element | null {
  if (!baseList && !lock) {
    return null;
  }
  return (
    <div className="jp-KustoImage-planSources">
      {baseList ? <p>{trans.__('Compared with %1', baseList)}</p> : null}
      {lock ? <p>{lockText(lock, trans)}</p> : null}
    </div>
  );
}

function lockText({ digest, excludeNewer }: ILock, trans: TranslationBundle): string {
  return excludeNewer ? trans.__('Lock %1, releases until %2', digest, excludeNewer) : trans.__('Lock %1', digest);
}
