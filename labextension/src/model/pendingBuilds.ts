/** Stores the ids of active builds in the browser, so that their end is announced after a page reload. */

export interface IPendingBuilds {
  load(): ReadonlyArray<string>;
  save(ids: ReadonlyArray<string>): void;
}

type KeyValueStorage = Pick<Storage, 'getItem' | 'setItem'>;

/** Return the pending builds of one Jupyter server. Without storage no end is announced after a reload. */
export function pendingBuilds(baseUrl: string, storage?: KeyValueStorage): IPendingBuilds {
  const key = `kusto-magic:builds:${baseUrl}`;
  // Reading `window.localStorage` throws if the browser blocks storage, so it is read inside `try` only.
  const open = (): KeyValueStorage => storage ?? window.localStorage;
  return {
    load: () => {
      try {
        const ids: unknown = JSON.parse(open().getItem(key) ?? '[]');
        return Array.isArray(ids) ? ids.filter(id => typeof id === 'string') : [];
      } catch {
        return [];
      }
    },
    save: ids => {
      try {
        open().setItem(key, JSON.stringify(ids));
      } catch {
        // storage is full or blocked
      }
    }
  };
}
