import { expect } from "chai";
import fc from "fast-check";
import { Queue } from "../src/queue.ts";

describe("Queue", () => {
  it("does what an array does", () => {
    const action = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 2000 }) }),
      fc.record({ shift: fc.integer({ min: 1, max: 2000 }) }),
      fc.record({ front: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 20 }), (actions) => {
        const queue = new Queue<{ id: number }>();
        const array: { id: number }[] = [];
        let id = 0;
        const make = (count: number): { id: number }[] =>
          Array.from({ length: count }, () => ({ id: (id += 1) }));
        for (const step of actions) {
          if ("push" in step) {
            for (const item of make(step.push)) {
              queue.push(item);
              array.push(item);
            }
          } else if ("front" in step) {
            const items = make(step.front);
            queue.pushFront(items);
            array.unshift(...items);
          } else {
            for (let count = 0; count < step.shift; count += 1) {
              expect(queue.shift()).to.equal(array.shift());
            }
          }
          expect(queue.size).to.equal(array.length);
          expect(queue.first).to.equal(array[0]);
        }
        expect([...queue]).to.deep.equal(array);
      }),
      { numRuns: 50 },
    );
  });
});
