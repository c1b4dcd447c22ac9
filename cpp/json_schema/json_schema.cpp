#include "json_schema.hpp"

namespace tamis::schema {

NodeId lower_schema(Grammar& grammar, std::string source, std::optional<std::string> resources, const Options& options,
                    const LowerPattern& patterns, const Document::Fetch& fetch) {
  const JsonText schema(std::move(source));
  if (!schema.root().is_schema()) {
    throw SchemaError("a schema is an object, true or false", "", to_json(schema.root()));
  }
  std::optional<JsonText> documents;
  if (resources) {
    documents.emplace(std::move(*resources));
    if (!documents->root().is_object()) {
      throw SchemaError("resources must be a JSON object of documents by URI", {}, to_json(documents->root()));
    }
  }
  try {
    Document document(schema, documents ? &*documents : nullptr, fetch);
    Patterns known(patterns);
    Normaliser normaliser(document, known, options.assert_formats);
    Lowering lowering(grammar, normaliser, options.whitespace, options.labels);
    const NodeId node = lowering.root(document.root_goal(), options.order);
    if (node == Grammar::kNothing) {
      const auto& found = normaliser.contradictions;
      throw SchemaError("no value satisfies the schema", found.empty() ? "" : found.front(), {},
                        "its keywords contradict each other here");
    }
    return node;
  } catch (const LimitError& error) {
    throw SchemaError(std::string("a pattern of the schema is too large to decide what it matches: ") + error.what());
  } catch (const NotExpressible& error) {
    throw error.refusal();
  }
}

}  // namespace tamis::schema
