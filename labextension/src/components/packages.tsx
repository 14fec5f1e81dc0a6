/** The packages of a plan: how they differ from the base image, and their size. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import type { IPlannedPackage } from '../model/plan';

/** A status of packages: the tone of its tag, its label, and its part of a summary. */
interface IStatus {
  readonly tone: string;
  readonly label: (trans: TranslationBundle) => string;
  readonly count: (count: number, trans: TranslationBundle) => string;
}

const STATUSES: ReadonlyMap<string, IStatus> = new Map<string, IStatus>([
  ['new', { tone: 'success', label: trans => trans.__('new'), count: (count, trans) => trans.__('%1 new', count) }],
  [
    'upgraded',
    { tone: 'running', label: trans => trans.__('upgraded'), count: (count, trans) => trans.__('%1 upgraded', count) }
  ],
  [
    'downgraded',
    {
      tone: 'warning',
      label: trans => trans.__('downgraded'),
      count: (count, trans) => trans.__('%1 downgraded', count)
    }
  ],
  [
    'already installed',
    {
      tone: 'neutral',
      label: trans => trans.__('unchanged'),
      count: (count, trans) => trans.__('%1 already in the base image', count)
    }
  ]
]);

interface IPackagesProps {
  readonly packages: ReadonlyArray<IPlannedPackage>;
  readonly trans: TranslationBundle;
}

export function PackageTable({ packages, trans }: IPackagesProps): React.JSX.Element {
  const head = [trans.__('Package'), trans.__('Version'), trans.__('In base image'), trans.__('Change')];
  return (
    <table className="jp-KustoImage-packages">
      <Head names={head} />
      <tbody>
        {packages.map(({ name, version, was, status }) => (
          <Row key={name} texts={[name, version, was || '–']} status={status} trans={trans} />
        ))}
      </tbody>
    </table>
  );
}

/** The packages in three narrow columns, for a sidebar. */
export function CompactPackageTable({ packages, trans }: IPackagesProps): React.JSX.Element {
  const head = [trans.__('Package'), trans.__('Version'), trans.__('Change')];
  return (
    <table>
      <Head names={head} className="jp-KustoImage-hidden" />
      <tbody>
        {packages.map(({ name, version, was, status }) => (
          <Row
            key={name}
            texts={[name, was && was !== version ? `${was} → ${version}` : version]}
            status={status}
            trans={trans}
          />
        ))}
      </tbody>
    </table>
  );
}

function Head({ names, className }: { names: readonly string[]; className?: string }): React.JSX.Element {
  return (
    <thead className={className}>
      <tr>
        {names.map(name => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface IRowProps {
  readonly texts: readonly string[];
  readonly status: string;
  readonly trans: TranslationBundle;
}

function Row({ texts, status, trans }: IRowProps): React.JSX.Element {
  return (
    <tr>
      {texts.map((text, column) => (
        <td key={column}>
          <bdi>{text}</bdi>
        </td>
      ))}
      <td>
        <StatusTag status={status} trans={trans} />
      </td>
    </tr>
  );
}

function StatusTag({ status, trans }: { status: string; trans: TranslationBundle }): React.JSX.Element {
  const known = STATUSES.get(status);
  return (
    <span className={`jp-KustoImage-tag jp-KustoImage-tone jp-mod-${known?.tone ?? 'neutral'}`}>
      {known?.label(trans) ?? status}
    </span>
  );
}

/** Return the number of packages as text. */
export function packageCount({ packages, trans }: IPackagesProps): string {
  return trans._n('%1 package', '%1 packages', packages.length);
}

/** Return the number of packages with each status, and the size of what is downloaded, as parts of a line. */
export function packageSummary({ packages, trans }: IPackagesProps): string[] {
  const counts = [...STATUSES].flatMap(([status, { count }]) => {
    const number = packages.filter(item => item.status === status).length;
    return number ? [count(number, trans)] : [];
  });
  const size = downloadSize(packages);
  return [counts.join(', '), size ? trans.__('%1 to download', formatSize(size)) : ''].filter(part => part);
}

/** Return the size of the packages that are not in the base image, 0 if that of one is not known. */
function downloadSize(packages: ReadonlyArray<IPlannedPackage>): number {
  const sizes = packages.filter(({ status }) => status !== 'already installed').map(({ bytes }) => bytes);
  return sizes.every(size => size > 0) ? sizes.reduce((sum, size) => sum + size, 0) : 0;
}

/** Return a number of bytes as text, in the format of `kusto_magic/display/preflight_report.py`. */
export function formatSize(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
