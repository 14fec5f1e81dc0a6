/** Requests to the REST API of the server extension. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { components } from './types.gen';

const NAMESPACE = 'kusto-magic/v1';

/** A problem document (RFC 9457); a proxy may leave out any of its members. */
export type IProblemDetails = Partial<components['schemas']['Problem']>;

/** One problem of an input; `line` counts from 1 and is null if the problem concerns the whole input. */
export type IInputProblem = components['schemas']['InputProblem'];

/** The server extension, or Azure behind it, answered with an error. */
export class APIError extends Error {
  constructor(
    readonly status: number,
    readonly details: IProblemDetails
  ) {
    super(details.detail || details.title || `HTTP ${status}`);
  }
}

/** The server extension is not installed on this Jupyter server. */
export class ServerExtensionMissing extends Error {}

/** Send a request and return the JSON of the response, null if there is none. `path` starts with a slash. */
export type RequestAPI = (method: string, path: string, body?: unknown, signal?: AbortSignal) => Promise<unknown>;

/** Return a function that sends requests to this server. It throws APIError, ServerExtensionMissing and NetworkError. */
export function createRequestAPI(settings: ServerConnection.ISettings): RequestAPI {
  return async (method, path, body, signal) => {
    const url = URLExt.join(settings.baseUrl, NAMESPACE) + path;
    const init: RequestInit = { method, body: body === undefined ? undefined : JSON.stringify(body), signal };
    const response = await ServerConnection.makeRequest(url, init, settings);
    const contentType = response.headers.get('Content-Type') ?? '';
    if (response.ok) {
      return contentType.includes('json') ? ((await response.json()) as unknown) : null;
    }
    if (contentType.startsWith('application/problem+json')) {
      throw new APIError(response.status, (await response.json()) as IProblemDetails);
    }
    // Our routes send a problem document with 404 and 405; without one the routes do not exist.
    if (response.status === 404 || response.status === 405) {
      throw new ServerExtensionMissing();
    }
    throw new APIError(response.status, { title: response.statusText });
  };
}

/** Return the text of an error to show to the user. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
