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
  return (
    <table className="jp-KustoImage-packages">
      <thead>
        <tr>
          <th scope="col">{trans.__('Package')}</th>
          <th scope="col">{trans.__('Version')}</th>
          <th scope="col">{trans.__('In base image')}</th>
          <th scope="col">{trans.__('Change')}</th>
        </tr>
      </thead>
      <tbody>
        {packages.map(({ name, version, was, status }) => (
          <tr key={name}>
            <td>
              <bdi>{name}</bdi>
            </td>
            <td>
              <bdi>{version}</bdi>
            </td>
            <td>
              <bdi>{was || '–'}</bdi>
            </td>
            <td>
              <StatusTag status={status} trans={trans} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The packages in three narrow columns, for a sidebar. */
export function CompactPackageTable({ packages, trans }: IPackagesProps): React.JSX.Element {
  return (
    <table>
      <thead className="jp-KustoImage-hidden">
        <tr>
          <th scope="col">{trans.__('Package')}</th>
          <th scope="col">{trans.__('Version')}</th>
          <th scope="col">{trans.__('Change')}</th>
        </tr>
      </thead>
      <tbody>
        {packages.map(({ name, version, was, status }) => (
          <tr key={name}>
            <td>
              <bdi>{name}</bdi>
            </td>
            <td>
              <bdi>{was && was !== version ? `${was} → ${version}` : version}</bdi>
            </td>
            <td>
              <StatusTag status={status} trans={trans} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
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
