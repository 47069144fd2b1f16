/** A value of a MessagePack extension type, which this package passes on and does not look into. */
export class Extension {
  /**
   * @param {number} type -128 to 127; those below zero belong to MessagePack itself (-1 is a timestamp)
   * @param {Uint8Array} data
   */
  constructor(type, data) {
    this.type = type;
    this.data = data;
  }
}
