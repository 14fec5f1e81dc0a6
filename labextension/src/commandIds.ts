/** The ids of the commands. */
export const CommandIDs = {
  open: 'kusto-magic:open',
  toggleFilter: 'kusto-magic:toggle-filter',
  refresh: 'kusto-magic:refresh',
  newImage: 'kusto-magic:new-image',
  newImageFrom: 'kusto-magic:new-image-from',
  insertCell: 'kusto-magic:insert-cell',
  editAsCell: 'kusto-magic:edit-as-cell',
  showDetails: 'kusto-magic:show-details',
  openRecord: 'kusto-magic:open-record',
  copyName: 'kusto-magic:copy-name',
  exportImage: 'kusto-magic:export-image',
  verifyImage: 'kusto-magic:verify-image',
  enableImage: 'kusto-magic:enable-image',
  disablePython: 'kusto-magic:disable-python',
  deleteImage: 'kusto-magic:delete-image',
  chooseCluster: 'kusto-magic:choose-cluster',
  removeCluster: 'kusto-magic:remove-cluster',
  useEmulator: 'kusto-magic:use-emulator'
} as const;
