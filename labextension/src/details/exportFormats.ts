/** The formats in which an image is exported, and their files. */
import type { ExportFormat } from '../api/api';

interface IFormat {
  /** Names of tools are not translated. */
  readonly label: string;
  /** The name of the file, with NAME for that of the image. */
  readonly file: string;
  /** The MIME type of the file, plain text by default. */
  readonly type?: string;
  /** Whether the packages of the image must be known. */
  readonly needsLock?: boolean;
}

export const FORMATS: Readonly<Record<ExportFormat, IFormat>> = {
  bicep: { label: 'Bicep', file: 'NAME.bicep' },
  terraform: { label: 'Terraform (azapi)', file: 'NAME.tf' },
  az: { label: 'Azure CLI', file: 'NAME.sh' },
  powershell: { label: 'Azure PowerShell', file: 'NAME.ps1' },
  rest: { label: 'REST (.http)', file: 'NAME.http' },
  requirements: { label: 'requirements.txt', file: 'NAME-requirements.txt' },
  pylock: { label: 'pylock.toml (PEP 751)', file: 'pylock.NAME.toml', type: 'application/toml', needsLock: true },
  cyclonedx: {
    label: 'CycloneDX (SBOM)',
    file: 'NAME.cdx.json',
    type: 'application/vnd.cyclonedx+json',
    needsLock: true
  }
};

export interface IExportFile {
  readonly name: string;
  readonly type: string;
}

/** Return the file of an exported image. */
export function exportFile(format: ExportFormat, image: string): IExportFile {
  const { file, type = 'text/plain' } = FORMATS[format];
  // The name of a lock file has no other dots (PEP 751, "File Name").
  const name = format === 'pylock' ? image.replace(/\./g, '-') : image;
  return { name: file.replace('NAME', () => name), type };
}
