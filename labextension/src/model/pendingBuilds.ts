/** What the browser remembers of the builds that went on, so that their end is told after a reload of the page. */
import type { IMemory } from './imagesModel';

/** Return the memory for one Jupyter server; a browser that keeps nothing forgets. */
export function rememberedBuilds(baseUrl: string): IMemory {
  const key = `kusto-magic:builds:${baseUrl}`;
  return {
    load: () => read(key),
    save: ids => {
      try {
        window.localStorage.setItem(key, JSON.stringify(ids));
      } catch {
        // storage is full or forbidden: nothing is remembered
      }
    }
  };
}

function read(key: string): string[] {
  try {
    const kept: unknown = JSON.parse(window.localStorage.getItem(key) ?? '[]');
    return Array.isArray(kept) ? kept.filter(id => typeof id === 'string') : [];
  } catch {
    return [];
  }
}
