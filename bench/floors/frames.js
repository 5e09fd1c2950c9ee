/** Floor (c): as (b), and the stream is read frame by frame in one loop: the least that a gateway which must see the finish can do. */
const redis = (env, command) =>
  fetch(env.REDIS, {
    method: "POST",
    headers: { authorization: `Bearer ${env.TOKEN}` },
    body: JSON.stringify(command),
  }).then((response) => response.json());

export default {
  async fetch(request, env, context) {
    const body = await request.text();
    await redis(env, ["INCR", "floor:before"]);
    const answer = await fetch(env.UPSTREAM + new URL(request.url).pathname, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    const reader = answer.body.getReader();
    let frames = 0;
    const pull = async (controller) => {
      const { done, value } = await reader.read();
      if (done) {
        context.waitUntil(redis(env, ["INCRBY", "floor:frames", String(frames)]));
        return controller.close();
      }
      for (let at = value.indexOf(10); at !== -1; at = value.indexOf(10, at + 1)) if (value[at + 1] === 10) frames++;
      controller.enqueue(value);
    };
    return new Response(new ReadableStream({ pull, cancel: () => reader.cancel() }, { highWaterMark: 0 }), answer);
  },
};
