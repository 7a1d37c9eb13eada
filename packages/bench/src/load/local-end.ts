// Which address and port a client's connection comes from. One address has not ports enough for all, and
// to leave the choice of a port to the kernel costs it half a millisecond once thousands are taken.

export interface LocalEnd {
  readonly localAddress: string;
  readonly localPort: number;
}

const FIRST_PORT = 10_000;
const PORTS_PER_ADDRESS = 20_000;
const ADDRESSES_PER_NET = 250;
/** Another one in each process: what earlier ones closed still takes up ports for a minute. */
const NET = 1 + Math.floor(Math.random() * 250);

/** @param number of the connection, over all that a process makes */
export function localEnd(number: number): LocalEnd {
  const address = Math.floor(number / PORTS_PER_ADDRESS);
  const [third, fourth] = [Math.floor(address / ADDRESSES_PER_NET), address % ADDRESSES_PER_NET];
  return {
    localAddress: `127.${NET}.${third}.${2 + fourth}`,
    localPort: FIRST_PORT + (number % PORTS_PER_ADDRESS),
  };
}
