/** The text of `%%kusto_image` cells: written for a draft, recognised in a notebook. No rule of a requirements text. */
import type { ICluster } from '../api/api';
import type { IDraft } from '../commands';

const FIRST_LINE = /^%%kusto_image(?=\s|$)/;
const LOADS = /^\s*%(?:re)?load_ext\s+kusto_magic\b/m;

/** Tell whether a cell is one of ours. */
export function isOurs(source: string): boolean {
  return FIRST_LINE.test(source);
}

/** Tell whether a cell makes the magics known to the kernel. */
export function loadsMagics(source: string): boolean {
  return LOADS.test(source);
}

/** Return the cell that builds what the draft says, ready to be run or filled in. */
export function cellText(draft: IDraft): string {
  const foundation = draft.python ? `--python ${draft.python}` : `--base ${draft.base || 'Python3_11_7'}`;
  const body = draft.requirements?.trimEnd() ?? '';
  return `%%kusto_image ${draft.name || 'my-image'} ${foundation}\n${body || '# one package per line, such as humanize==4.9.0'}`;
}

/** Return the cell that loads the magics and chooses the cluster. */
export function setupText(cluster: ICluster | undefined): string {
  return ['%load_ext kusto_magic', ...(cluster ? [useLine(cluster)] : [])].join('\n');
}

function useLine(cluster: ICluster): string {
  if (cluster.emulator) {
    return '%kusto_image use emulator';
  }
  const place = `--subscription ${cluster.subscription} --resource-group ${quoted(cluster.resourceGroup)}`;
  const cloud = cluster.cloud && cluster.cloud !== 'public' ? ` --cloud ${cluster.cloud}` : '';
  return `%kusto_image use ${place} --cluster ${cluster.name}${cloud}`;
}

/** Quote what the magic's shell-like splitting would take apart: resource groups may have parentheses. */
function quoted(word: string): string {
  return /^[\w.-]+$/.test(word) ? word : `"${word}"`;
}
