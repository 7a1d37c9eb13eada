// Types for the part of bufferutil that is used here, since the package has none.
declare module "bufferutil" {
  const bufferUtil: {
    /** XORs `length` bytes of `source` with a 4-byte mask into `target`. */
    mask(source: Buffer, mask: Buffer, target: Buffer, offset: number, length: number): void;
  };
  export default bufferUtil;
}
