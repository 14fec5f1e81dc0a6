/** The result of a check: the verdict, the packages compared with the base image, warnings and suggestions. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import type { IPlannedPackage } from '../api/api';
import { hintText, type IHint } from '../model/hints';

/** A plan as the server returns it, or as a card has it. */
export interface IShownPlan {
  readonly verdict: string;
  readonly reason: string;
  readonly warnings: ReadonlyArray<string>;
  readonly suggestions: ReadonlyArray<string>;
  readonly hint: IHint | null;
  readonly packages: ReadonlyArray<IShownPackage>;
}

interface IShownPackage extends Pick<IPlannedPackage, 'name' | 'version'> {
  readonly status: string;
  readonly was?: string | null;
  readonly bytes?: number | null;
}

type Tag = 'new' | 'upgraded' | 'downgraded' | 'unchanged';

const TAGS: Readonly<Record<IPlannedPackage['status'], Tag>> = {
  new: 'new',
  upgraded: 'upgraded',
  downgraded: 'downgraded',
  'already installed': 'unchanged'
};

/** The tones of `style/components.css`. */
const TONES: Readonly<Record<Tag, string>> = {
  new: 'success',
  upgraded: 'running',
  downgraded: 'warning',
  unchanged: 'neutral'
};

interface IPlanViewProps {
  readonly plan: IShownPlan;
  readonly trans: TranslationBundle;
}

export function PlanView({ plan, trans }: IPlanViewProps): React.JSX.Element {
  const remarks = [...plan.warnings, ...plan.suggestions, hintText(plan.hint, trans)].filter(line => line);
  return (
    <div className="jp-KustoImage-plan">
      <p className={`jp-KustoImage-verdict ${verdictClass(plan)}`}>{verdictText(plan, trans)}</p>
      {plan.reason ? <p className="jp-KustoImage-reason">{plan.reason}</p> : null}
      {plan.packages.length ? <Packages plan={plan} trans={trans} /> : null}
      {remarks.length ? (
        <ul>
          {remarks.map(line => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

function Packages({ plan, trans }: IPlanViewProps): React.JSX.Element {
  return (
    <table>
      <thead className="jp-KustoImage-hidden">
        <tr>
          <th scope="col">{trans.__('Package')}</th>
          <th scope="col">{trans.__('Version')}</th>
          <th scope="col">{trans.__('Compared with base image')}</th>
        </tr>
      </thead>
      <tbody>
        {plan.packages.map(item => (
          <tr key={item.name}>
            <td>
              <bdi>{item.name}</bdi>
            </td>
            <td>
              <bdi>{versionText(item)}</bdi>
            </td>
            <td>
              <StatusTag status={item.status} trans={trans} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function StatusTag({ status, trans }: { status: string; trans: TranslationBundle }): React.JSX.Element {
  const tag = tagOf(status);
  const tone = tag ? TONES[tag] : 'neutral';
  return (
    <span className={`jp-KustoImage-tag jp-KustoImage-tone jp-mod-${tone}`}>{tag ? tagText(tag, trans) : status}</span>
  );
}

function tagOf(status: string): Tag | null {
  return Object.hasOwn(TAGS, status) ? TAGS[status as IPlannedPackage['status']] : null;
}

function tagText(tag: Tag, trans: TranslationBundle): string {
  switch (tag) {
    case 'new':
      return trans.__('new');
    case 'upgraded':
      return trans.__('upgraded');
    case 'downgraded':
      return trans.__('downgraded');
    case 'unchanged':
      return trans.__('unchanged');
  }
}

function versionText({ version, was }: IShownPackage): string {
  return was && was !== version ? `${was} → ${version}` : version;
}

function verdictClass({ verdict }: IShownPlan): string {
  const tone = verdict === 'compatible' ? 'success' : verdict === 'conflict' ? 'error' : 'warning';
  return `jp-KustoImage-tone jp-mod-${tone}`;
}

/** Return the verdict as a sentence, with the size of what is installed. */
export function verdictText(plan: IShownPlan, trans: TranslationBundle): string {
  switch (plan.verdict) {
    case 'compatible':
      return [trans.__('These packages install together'), sizeText(plan, trans)].join(': ');
    case 'conflict':
      return trans.__('These packages cannot be installed together');
    default:
      return trans.__('The check is inconclusive');
  }
}

function sizeText({ packages }: IShownPlan, trans: TranslationBundle): string {
  const bytes = packages.reduce((sum, item) => sum + (item.bytes ?? 0), 0);
  const count = trans._n('%1 package', '%1 packages', packages.length);
  return bytes ? trans.__('%1, %2 to download', count, formatSize(bytes)) : count;
}

/** Return a number of bytes as text, in the format of `kusto_magic/display/preflight_report.py`. */
export function formatSize(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
