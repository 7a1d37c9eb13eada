// The part of bufferutil that is used here; it brings no types.
declare module "bufferutil" {
  const bufferUtil: {
    /** XORs `length` bytes of a source with a mask of 4 into a target. */
    mask(source: Buffer, mask: Buffer, target: Buffer, offset: number, length: number): void;
  };
  export default bufferUtil;
}
