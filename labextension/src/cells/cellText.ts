/** The text of `%%kusto_image` cells. The rules of requirements are the server's, see `cellLinter.ts`. */
import type { ICluster } from '../api/api';
import type { IImageDraft } from '../tokens';

const IMAGE_MAGIC = /^%%kusto_image(?=\s|$)/;
const LOAD_EXT = /^[ \t]*%(?:re)?load_ext[ \t]+kusto_magic\b/m;
const DEFAULT_NAME = 'my-image';
export const DEFAULT_BASE = 'Python3_11_7';
/** Texts that need no quotes in the line of a cell. */
const PLAIN = /^[\w.-]+$/;
const EMPTY_BODY = '# one package per line, such as humanize==4.9.0';

/** Return whether a cell starts with our magic. */
export function isImageCell(source: string): boolean {
  return IMAGE_MAGIC.test(source);
}

/** Return whether a cell loads the extension. */
export function loadsExtension(source: string): boolean {
  return LOAD_EXT.test(source);
}

/**
 * Return the cell that builds the image of a draft, with placeholders for what is missing. Names can come from the
 * service: throws an error for one that has a meaning in the line of a cell.
 */
export function cellText(draft: IImageDraft): string {
  const name = argument(draft.name || DEFAULT_NAME);
  const base = draft.python ? `--python ${argument(draft.python)}` : `--base ${argument(draft.base || DEFAULT_BASE)}`;
  const body = draft.requirements?.trimEnd() ?? '';
  return `%%kusto_image ${name} ${base}\n${body || EMPTY_BODY}`;
}

/** Return a value as one argument of the magic, see `cell_name_problem` in `kusto_magic/display/cell_text.py`. */
function argument(text: string): string {
  if (text.startsWith('-') || /[{}\p{C}\p{Zl}\p{Zp}]/u.test(text)) {
    throw new Error(`'${text}' cannot be written into a cell: some of its characters have a meaning there.`);
  }
  return shellQuoted(text);
}

/** Return a text as one word of a shell, as Python's `shlex.quote` does. */
export function shellQuoted(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replace(/'/g, `'"'"'`)}'`;
}

/** Return the cell that loads the extension and selects the cluster. */
export function setupText(cluster: ICluster | undefined): string {
  return ['%load_ext kusto_magic', ...(cluster ? [useLine(cluster)] : [])].join('\n');
}

function useLine(cluster: ICluster): string {
  if (cluster.emulator) {
    return '%kusto_image use emulator';
  }
  const group = `--subscription ${cluster.subscription} --resource-group ${argument(cluster.resourceGroup)}`;
  const cloud = cluster.cloud && cluster.cloud !== 'public' ? ` --cloud ${cluster.cloud}` : '';
  return `%kusto_image use ${group} --cluster ${cluster.name}${cloud}`;
}
