/** The version of this package; `package.json` says the same, and a test holds them together. */
export const VERSION = '0.1.0';
