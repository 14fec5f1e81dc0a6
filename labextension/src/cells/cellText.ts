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

/** The names and versions that the magic accepts, see `kusto_magic/models/naming.py`. They need no quotes. */
const NAME = /^\w[\w.-]{0,127}$/;
const PYTHON_VERSION = /^3\.\d{1,2}\.\d{1,2}$/;

/**
 * Return the cell that builds the image of a draft, with placeholders for what is missing or not valid: names can come
 * from the service, and IPython would evaluate some of their characters in the line of a magic.
 */
export function cellText(draft: IImageDraft): string {
  const name = valid(draft.name, NAME) ?? DEFAULT_NAME;
  const python = valid(draft.python, PYTHON_VERSION);
  const base = python ? `--python ${python}` : `--base ${valid(draft.base, NAME) ?? DEFAULT_BASE}`;
  const body = draft.requirements?.trimEnd() ?? '';
  return `%%kusto_image ${name} ${base}\n${body || EMPTY_BODY}`;
}

function valid(text: string | undefined, pattern: RegExp): string | undefined {
  return text !== undefined && pattern.test(text) ? text : undefined;
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
