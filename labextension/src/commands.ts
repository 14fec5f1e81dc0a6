/** The names of our commands, and what their arguments are. */
export const Commands = {
  open: 'kusto-magic:open',
  newImage: 'kusto-magic:new-image',
  insertCell: 'kusto-magic:insert-cell',
  openRecord: 'kusto-magic:open-record',
  enableImage: 'kusto-magic:enable-image',
  deleteImage: 'kusto-magic:delete-image',
  refresh: 'kusto-magic:refresh'
} as const;

/** What an image is to be, as far as it is known; `cluster` is the server's id of it. */
export interface IDraft {
  readonly cluster?: string;
  readonly name?: string;
  readonly base?: string;
  readonly python?: string;
  readonly requirements?: string;
}
