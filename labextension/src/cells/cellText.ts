/** The text of `%%kusto_image` cells. The rules of requirements are the server's, see `cellLinter.ts`. */
import type { ICluster } from '../api/api';
import type { IImageDraft } from '../tokens';

const IMAGE_MAGIC = /^%%kusto_image(?=\s|$)/;
const LOAD_EXT = /^[ \t]*%(?:re)?load_ext[ \t]+kusto_magic\b/m;
const DEFAULT_NAME = 'my-image';
export const DEFAULT_BASE = 'Python3_11_7';
const EMPTY_BODY = '# one package per line, such as humanize==4.9.0';

/** Return whether a cell starts with our magic. */
export function isImageCell(source: string): boolean {
  return IMAGE_MAGIC.test(source);
}

/** Return whether a cell loads the extension. */
export function loadsExtension(source: string): boolean {
  return LOAD_EXT.test(source);
}

/** Return the cell that builds the image of a draft, with placeholders for what is missing. */
export function cellText(draft: IImageDraft): string {
  const base = draft.python ? `--python ${draft.python}` : `--base ${draft.base || DEFAULT_BASE}`;
  const body = draft.requirements?.trimEnd() ?? '';
  return `%%kusto_image ${draft.name || DEFAULT_NAME} ${base}\n${body || EMPTY_BODY}`;
}

/** Return the cell that loads the extension and selects the cluster. */
export function setupText(cluster: ICluster | undefined): string {
  return ['%load_ext kusto_magic', ...(cluster ? [useLine(cluster)] : [])].join('\n');
}

function useLine(cluster: ICluster): string {
  if (cluster.emulator) {
    return '%kusto_image use emulator';
  }
  const group = `--subscription ${cluster.subscription} --resource-group ${quote(cluster.resourceGroup)}`;
  const cloud = cluster.cloud && cluster.cloud !== 'public' ? ` --cloud ${cluster.cloud}` : '';
  return `%kusto_image use ${group} --cluster ${cluster.name}${cloud}`;
}

/** Quote an argument that the magic would split: names of resource groups may contain parentheses. */
function quote(argument: string): string {
  return /^[\w.-]+$/.test(argument) ? argument : `"${argument}"`;
}
