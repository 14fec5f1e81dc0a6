/** The result of a check: the verdict, the packages compared with the base image, warnings and suggestions. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import { hintText } from '../model/hints';
import { type IPlan, wholeCorrection } from '../model/plan';
import { Correction, type ICorrectionApplier } from './correction';
import { Fixes, type IFixApplier } from './fixes';
import { CompactPackageTable, packageCount, packageSummary } from './packages';
import { PlanSources } from './planSources';
import { Remarks, sentence } from './remarks';

interface IPlanViewProps {
  readonly plan: IPlan;
  /** Replaces lines of the requirements that were checked, null if they cannot be edited here. */
  readonly applier: (IFixApplier & ICorrectionApplier) | null;
  readonly trans: TranslationBundle;
}

export function PlanView({ plan, applier, trans }: IPlanViewProps): React.JSX.Element {
  const { packages } = plan;
  const correction = wholeCorrection(plan);
  const remarks = [...plan.warnings, ...plan.suggestions, hintText(plan.hint, trans)].filter(line => line);
  return (
    <div className="jp-KustoImage-plan" tabIndex={0}>
      <p className={`jp-KustoImage-verdict ${verdictClass(plan)}`}>{verdictText(plan, trans)}</p>
      {plan.reason ? <p className="jp-KustoImage-reason">{sentence(plan.reason)}</p> : null}
      {correction || !plan.problems.length ? null : <Remarks lines={plan.problems} />}
      {correction ? (
        <Correction correction={correction} applier={applier} trans={trans} />
      ) : (
        <Fixes fixes={plan.fixes} applier={applier} trans={trans} />
      )}
      {packages.length ? <p>{packageSummary({ packages, trans }).join(' · ')}</p> : null}
      {packages.length ? <CompactPackageTable packages={packages} trans={trans} /> : null}
      <Remarks lines={remarks} />
      <PlanSources plan={plan} trans={trans} />
    </div>
  );
}

function verdictClass({ verdict }: IPlan): string {
  const tone = verdict === 'compatible' ? 'success' : verdict === 'conflict' ? 'error' : 'warning';
  return `jp-KustoImage-tone jp-mod-${tone}`;
}

/** Return the verdict as a sentence, with the number of packages. */
export function verdictText({ verdict, packages }: IPlan, trans: TranslationBundle): string {
  switch (verdict) {
    case 'compatible':
      return trans.__('These packages install together: %1', packageCount({ packages, trans }));
    case 'conflict':
      return trans.__('These requirements cannot be installed');
    default:
      return trans.__('The check is inconclusive');
  }
}
