// Simulated: what answers behind the AI binding, in the shapes that Workers AI documents. Says what it was asked in a header-free way: as its text.
const DONE = "data: [DONE]\n\n";
const usage = { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 };

export default {
  async fetch(request) {
    const model = request.headers.get("cf-consn-model-id");
    const { inputs } = await request.json();
    if (model === "@cf/vectors") {
      return Response.json({ shape: [inputs.text.length, 2], data: inputs.text.map((text) => [text.length, 0.5]) });
    }
    if (model === "@cf/ranks") {
      const scored = inputs.contexts.map(({ text }, id) => ({ id, score: text.split(inputs.query).length - 1 }));
      return Response.json({
        response: scored.sort((one, other) => other.score - one.score).slice(0, inputs.top_k ?? 1),
      });
    }
    if (model === "@cf/busy") {
      return Response.json(
        { internalCode: 3040, message: "Capacity temporarily exceeded", name: "x" },
        { status: 429 },
      );
    }
    const said = `${model} ${inputs.messages.at(-1).content}`;
    if (!inputs.stream) return Response.json({ response: said, usage });
    const frames = [...said].map((response) => `data: ${JSON.stringify({ response, p: "ab" })}\n\n`);
    const body =
      model === "@cf/cut"
        ? frames.join("")
        : `${frames.join("")}data: ${JSON.stringify({ response: "", usage })}\n\n${DONE}`;
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  },
};
