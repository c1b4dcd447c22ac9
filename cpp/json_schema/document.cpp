#include "document.hpp"

#include <algorithm>

#include "../hash.hpp"
#include "uri.hpp"

namespace tamis::schema {
namespace {

// A reference resolved against `base`, as (URI, fragment).  Throws SchemaError with the pointer.
std::pair<std::string, std::string> joined(const std::string& base, std::string_view reference,
                                           const std::function<std::optional<std::string>()>& pointer) {
  auto found = resolve_uri(base, reference);
  if (!found) {
    throw SchemaError("not a URI reference: its brackets do not match", pointer(), std::string(reference));
  }
  return std::move(*found);
}

// The `$id` of a schema if it starts a resource of its own (a mere "#name" is an anchor).
std::optional<std::string_view> own_id(const Value& value, const Dialect& dialect) {
  const Value* own = value.find(dialect.id_keyword());
  if (own == nullptr || !own->is_string() || own->text.starts_with('#')) return std::nullopt;
  if (!dialect.ref_has_siblings() && value.find("$ref") != nullptr) return std::nullopt;
  return own->text;
}

}  // namespace

std::string Place::pointer() const {
  std::vector<const Place*> path;
  for (const Place* at = this; at != nullptr; at = at->parent) path.push_back(at);
  std::string out(path.back()->token);
  for (auto at = path.rbegin() + 1; at != path.rend(); ++at) {
    out += "/" + ((*at)->index >= 0 ? std::to_string((*at)->index) : escaped((*at)->token));
  }
  return out;
}

SchemaError circular(const Subschema& subschema) {
  const std::string pointer = subschema.pointer();
  return SchemaError("$ref is circular: the schema demands itself of the same value",
                     pointer.empty() ? std::string("#") : pointer);
}

Document::Document(const JsonText& schema, const JsonText* resources, Fetch fetch) : fetch_(std::move(fetch)) {
  const auto mentions = [](const JsonText& text) {
    // An escape may spell any of these words.
    for (const char* word : {"\"$id\"", "\"id\"", "nchor", "\\u00"}) {
      if (text.source().find(word) != std::string::npos) return true;
    }
    return false;
  };
  has_ids_ = mentions(schema) || (resources != nullptr && resources->root().count > 0);
  if (resources != nullptr) {
    for (const Member& member : resources->root().members()) {
      auto uri = joined("", member.key, [] { return std::nullopt; }).first;
      external_.insert_or_assign(std::move(uri), &member.value);
    }
  }
  goals_ = {{}, {-1}};
  goal_ids_ = {{{}, kAnything}, {{-1}, kNothing}};
  values_.push_back(Value{Kind::kObject, 0, {}, nullptr, nullptr});
  synthetic_ = new_resource(&values_.back(), "", root_place(""), &unspecified_dialect());
  root_ = add_resource(&schema.root(), "", "", unspecified_dialect(), has_ids_);
  root_ = enter(root_, root_);
}

GoalId Document::root_goal() { return goal_of(place_subschema(root_->root, root_, root_->base->place)); }

// Places --------------------------------------------------------------------------------------------------------------

const Place* Document::root_place(const std::string& label) {
  labels_.push_back(label);
  places_.push_back({nullptr, labels_.back(), -1});
  return &places_.back();
}

const Place* Document::below(const Place* place, std::string_view token) {
  places_.push_back({place, token, -1});
  return &places_.back();
}

const Place* Document::below(const Place* place, std::size_t index) {
  places_.push_back({place, {}, static_cast<std::int64_t>(index)});
  return &places_.back();
}

std::optional<std::string> Document::pointer(GoalId goal) {
  for (const Literal literal : literals(goal)) {
    if (literal >= 0) return of_literal(literal).pointer();
  }
  return std::nullopt;
}

// Resources -----------------------------------------------------------------------------------------------------------

Resource* Document::new_resource(const Value* root, std::string uri, const Place* place, const Dialect* dialect) {
  Resource& made = resource_pool_.emplace_back();
  made.root = root;
  made.uri = std::move(uri);
  made.place = place;
  made.dialect = dialect;
  made.base = &made;
  return &made;
}

const Value* Document::document(const std::string& uri) const {
  const auto found = external_.find(uri);
  return found == external_.end() ? nullptr : found->second;
}

Resource* Document::add_resource(const Value* root, const std::string& uri, const std::string& label,
                                 const Dialect& inherited, bool has_ids) {
  const Dialect& dialect =
      dialect_of(*root, inherited, label, [this](const std::string& name) { return document(name); }, custom_dialects_);
  std::string own_uri = uri;
  if (const auto own = own_id(*root, dialect)) {
    own_uri = joined(uri, *own, [&] { return label + "/" + std::string(dialect.id_keyword()); }).first;
  }
  Resource* resource = new_resource(root, std::move(own_uri), root_place(label), &dialect);
  resources_[uri] = resource;
  resources_[resource->uri] = resource;
  if (root->is_object()) identified_[root] = resource;
  if (has_ids) index(resource);
  return resource;
}

// The resource as seen from `current`, whose dynamic scope it extends by the anchors that are not bound yet.
Resource* Document::enter(Resource* resource, Resource* current) {
  if (resource == current || resource->base == current->base) {
    if (!current->scope.empty() || resource->dynamic.empty()) return current;
  } else if (resource->base->dynamic.empty() && current->scope.empty()) {
    return resource->base;
  }
  auto scope = current->scope;
  for (const auto& [name, target] : resource->dynamic) {
    scope.emplace(name, BoundTarget{target.value, resource->base, target.place});
  }
  std::vector<std::pair<std::string, const Value*>> key;
  for (const auto& [name, bound] : scope) key.emplace_back(name, bound.value);
  Resource*& found = scoped_[{resource->base, std::move(key)}];
  if (found == nullptr) {
    const Resource& base = *resource->base;
    found = new_resource(base.root, base.uri, base.place, base.dialect);
    found->base = resource->base;
    found->indexed = base.indexed;
    found->anchors = base.anchors;
    found->dynamic = base.dynamic;
    found->scope = std::move(scope);
  }
  return found;
}

// Finds the resources and anchors inside a resource.
void Document::index(Resource* resource) {
  resource->indexed = true;
  if (!resource->root->is_object()) return;
  struct Todo {
    const Value* value;
    Resource* owner;
    const Place* place;
  };
  std::vector<Todo> stack = {{resource->root, resource, resource->place}};
  while (!stack.empty()) {
    auto [value, owner, place] = stack.back();
    stack.pop_back();
    budget.spend();
    const auto own = own_id(*value, *owner->dialect);
    if (own && value != owner->root) {
      const auto where = [&, at = place] { return at->pointer() + "/" + std::string(owner->dialect->id_keyword()); };
      Resource* inner = new_resource(value, joined(owner->uri, *own, where).first, place, owner->dialect);
      inner->dialect = &dialect_of(
          *value, *owner->dialect, place->pointer(), [this](const std::string& name) { return document(name); },
          custom_dialects_);
      inner->indexed = true;
      resources_.emplace(inner->uri, inner);
      identified_[value] = inner;
      owner = inner;
    }
    for (const std::string_view word : {"$anchor", "$dynamicAnchor"}) {
      const Value* name = value->find(word);
      if (name == nullptr || !name->is_string()) continue;
      owner->anchors.emplace(name->text, Target{value, place});
      if (word == "$dynamicAnchor") owner->dynamic.emplace(name->text, Target{value, place});
    }
    if (value == owner->root) {
      const Value* recursive = value->find("$recursiveAnchor");
      if (recursive != nullptr && recursive->kind == Kind::kTrue) owner->dynamic[""] = {value, place};
    }
    const Value* name = value->find(owner->dialect->id_keyword());
    if (name != nullptr && name->is_string() && name->text.starts_with('#')) {  // the anchors of drafts 4 to 7
      owner->anchors.emplace(name->text.substr(1), Target{value, place});
    }
    for_each_part(*value, *owner->dialect, [&, within = place, holder = owner](const Part& part) {
      const Place* at = below(within, part.keyword);
      if (part.has_key) at = below(at, part.key);
      if (part.has_index) at = below(at, part.index);
      stack.push_back({part.schema, holder, at});
    });
  }
}

Resource* Document::find_resource(const std::string& uri) {
  if (const auto found = resources_.find(uri); found != resources_.end()) return found->second;
  const Value* root = document(uri);
  if (root == nullptr) {
    if (uri.find("json-schema.org/") == std::string::npos) return nullptr;
    std::optional<std::string> text = fetch_(uri);  // the drafts' own meta-schemas
    if (!text) return nullptr;
    fetched_.push_back(std::make_unique<JsonText>(std::move(*text)));
    root = &fetched_.back()->root();
  }
  return add_resource(root, uri, uri + "#", *root_->dialect, true);
}

// Subschemas ----------------------------------------------------------------------------------------------------------

Subschema& Document::new_subschema(const Value* value, Resource* resource, const Place* place) {
  budget.spend(10);
  Subschema& made = subschema_pool_.emplace_back();
  made.value = value;
  made.resource = resource;
  made.place = place;
  made.index = static_cast<std::int32_t>(subschemas_.size());
  subschemas_.push_back(&made);
  return made;
}

// The subschema with this value; one for each place and dynamic scope.
Subschema& Document::place_subschema(const Value* value, Resource* resource, const Place* place) {
  if (!identified_.empty()) {
    const auto own = identified_.find(value);
    if (own != identified_.end() && own->second != resource->base) resource = enter(own->second, resource);
  }
  Subschema*& found = by_place_[{value, resource}];
  if (found == nullptr) {
    found = &new_subschema(value, resource, place);
    read_keywords(*found);
  }
  return *found;
}

void Document::read_keywords(Subschema& subschema) {
  const Value& value = *subschema.value;
  if (!value.is_object()) return;
  const Dialect& dialect = *subschema.resource->dialect;
  const auto pointer = [&] { return subschema.pointer(); };
  const Value* only = dialect.ref_has_siblings() ? nullptr : value.find("$ref");
  if (only == nullptr) {
    refuse_other_drafts(value, pointer, dialect);
    const std::string_view id_keyword = dialect.id_keyword();
    const Value* own = value.find(id_keyword);
    if (own != nullptr && !own->is_string()) {
      throw SchemaError(std::string(id_keyword) + " must be a string", pointer() + "/" + std::string(id_keyword),
                        to_json(*own));
    }
  }
  for (const Member& member : value.members()) {
    const std::optional<Keyword> keyword = keyword_named(member.key);
    if (!keyword || (only != nullptr && *keyword != Keyword::kRef)) continue;
    const auto index = static_cast<std::size_t>(*keyword);
    if (!dialect.keywords[index]) continue;
    check_keyword(*keyword, member.value, pointer, dialect);
    subschema.keywords[index] = &member.value;
    subschema.present.set(index);
  }
}

GoalId Document::goal_at(Subschema& parent, const Value& value, const Place* place) {
  return goal_of(place_subschema(&value, parent.resource, place));
}

GoalId Document::goal(Subschema& parent, const Value& value, Keyword keyword) {
  if (value.kind == Kind::kTrue || (value.is_object() && value.count == 0)) return kAnything;
  if (value.kind == Kind::kFalse) return kNothing;
  return goal_at(parent, value, below(parent.place, name_of(keyword)));
}

GoalId Document::goal(Subschema& parent, const Value& value, Keyword keyword, std::string_view key) {
  if (value.kind == Kind::kTrue || (value.is_object() && value.count == 0)) return kAnything;
  if (value.kind == Kind::kFalse) return kNothing;
  return goal_at(parent, value, below(below(parent.place, name_of(keyword)), key));
}

GoalId Document::goal(Subschema& parent, const Value& value, Keyword keyword, std::size_t index) {
  if (value.kind == Kind::kTrue || (value.is_object() && value.count == 0)) return kAnything;
  if (value.kind == Kind::kFalse) return kNothing;
  return goal_at(parent, value, below(below(parent.place, name_of(keyword)), index));
}

GoalId Document::goal_of(Subschema& subschema) {
  Subschema* at = &subschema;
  std::vector<Subschema*> seen;
  while (at->present.count() == 1 && (*at)[Keyword::kRef] != nullptr) {
    if (std::find(seen.begin(), seen.end(), at) != seen.end()) throw circular(subschema);
    seen.push_back(at);
    budget.spend(seen.size());
    at = &resolve(*at, Keyword::kRef);
  }
  if (at->value->kind == Kind::kFalse) return kNothing;
  return at->present.none() ? kAnything : interned({at->index * 2});
}

GoalId Document::constant_goal(const Value& value, const Place* place) {
  const auto [found, inserted] = constants_.emplace(&value, kNothing);
  if (inserted) {
    Subschema& made = new_subschema(synthetic_->root, synthetic_, place);
    const auto index = static_cast<std::size_t>(Keyword::kConst);
    made.keywords[index] = &value;
    made.present.set(index);
    found->second = interned({made.index * 2});
  }
  return found->second;
}

GoalId Document::member_goal(std::string_view name, const Place* place) {
  values_.push_back(Value{Kind::kString, 0, name, nullptr, nullptr});
  const Value* item = &values_.back();
  values_.push_back(Value{Kind::kArray, 1, {}, item, nullptr});
  static const Value kObjectType{Kind::kString, 0, "object", nullptr, nullptr};
  Subschema& made = new_subschema(synthetic_->root, synthetic_, place);
  for (const auto& [keyword, value] :
       {std::pair<Keyword, const Value*>{Keyword::kRequired, &values_.back()}, {Keyword::kType, &kObjectType}}) {
    made.keywords[static_cast<std::size_t>(keyword)] = value;
    made.present.set(static_cast<std::size_t>(keyword));
  }
  return interned({made.index * 2});
}

// Goals ---------------------------------------------------------------------------------------------------------------

std::size_t Document::LiteralsHash::operator()(const std::vector<Literal>& literals) const {
  return hash_words(literals.data(), literals.size());
}

GoalId Document::interned(std::vector<Literal> literals) {
  const auto [found, inserted] = goal_ids_.emplace(std::move(literals), static_cast<GoalId>(goals_.size()));
  if (inserted) {
    budget.spend(10);
    goals_.push_back(found->first);
  }
  return found->second;
}

GoalId Document::conjunction(GoalId first, GoalId second) {
  if (first == kAnything || first == second) return second;
  if (second == kAnything) return first;
  if (first == kNothing || second == kNothing) return kNothing;
  const std::uint64_t key =
      static_cast<std::uint64_t>(std::min(first, second)) << 32 | static_cast<std::uint32_t>(std::max(first, second));
  const auto known = conjunctions_.find(key);
  if (known != conjunctions_.end()) return known->second;
  std::vector<Literal> merged;
  std::set_union(literals(first).begin(), literals(first).end(), literals(second).begin(), literals(second).end(),
                 std::back_inserter(merged));
  budget.spend(merged.size());
  GoalId goal = kNothing;
  const auto contradicts = [](Literal a, Literal b) { return (a ^ 1) == b; };  // neighbours, as they are sorted
  if (std::adjacent_find(merged.begin(), merged.end(), contradicts) == merged.end()) goal = interned(std::move(merged));
  conjunctions_.emplace(key, goal);
  return goal;
}

GoalId Document::negation(GoalId goal) {
  if (goal == kNothing) return kAnything;
  std::vector<GoalId> others;
  for (const Literal literal : std::vector<Literal>(literals(goal))) others.push_back(interned({literal ^ 1}));
  return any_goal(std::move(others));
}

GoalId Document::any_goal(std::vector<GoalId> goals) {
  std::sort(goals.begin(), goals.end());
  goals.erase(std::unique(goals.begin(), goals.end()), goals.end());
  std::erase(goals, kNothing);
  if (goals.empty()) return kNothing;
  if (goals.front() == kAnything) return kAnything;
  if (goals.size() == 1) return goals.front();
  const auto [found, inserted] = disjunctions_.emplace(std::move(goals), kNothing);
  if (inserted) {
    const Subschema& first = of_literal(literals(found->first.front()).front());
    Subschema& made = new_subschema(synthetic_->root, synthetic_, first.place);
    made.alternatives = found->first;
    found->second = interned({made.index * 2});
  }
  return found->second;
}

// References ----------------------------------------------------------------------------------------------------------

Subschema& Document::resolve(Subschema& subschema, Keyword keyword) {
  const std::string reference(subschema[keyword]->text);
  const std::string word(name_of(keyword));
  const auto place = [&] { return subschema.pointer(keyword); };
  Resource* resource = subschema.resource;
  std::string fragment = reference.substr(std::min<std::size_t>(1, reference.size()));
  if (!reference.starts_with('#')) {
    std::string uri;
    std::tie(uri, fragment) = joined(resource->uri, reference, place);
    resource = find_resource(uri);
    if (resource == nullptr) {
      throw SchemaError(word + " refers to a document that is not here: " + uri, place(), reference,
                        "pass it: json_schema(..., resources={" + quoted(uri) + ": ...})");
    }
  }
  fragment = percent_decoded(fragment);
  Found target{};
  if (fragment.empty()) {
    target = {resource->root, resource, resource->place};
  } else if (fragment.starts_with('/')) {
    target = walk(resource, fragment, reference, subschema, keyword);
  } else {
    if (!resource->indexed) index(resource);
    const auto found = resource->anchors.find(fragment);
    if (found == resource->anchors.end()) {
      throw SchemaError(word + " refers to an anchor that does not exist", place(), reference);
    }
    target = {found->second.value, resource, found->second.place};
  }
  if (keyword != Keyword::kRef) {
    const std::string name = keyword == Keyword::kRecursiveRef ? "" : fragment;
    const auto bound = subschema.resource->scope.find(name);
    const auto own = target.resource->dynamic.find(name);
    if (bound != subschema.resource->scope.end() && own != target.resource->dynamic.end() &&
        own->second.value == target.value) {
      target = {bound->second.value, bound->second.resource, bound->second.place};
    }
  }
  if (!target.value->is_schema()) {
    throw SchemaError(word + " refers to something that is not a schema", place(), reference);
  }
  Subschema& found = place_subschema(target.value, enter(target.resource, subschema.resource), target.place);
  found.shared = true;
  return found;
}

const Value* Document::member(const Value& object, const std::string& key) {
  if (object.count < 32) return object.find(key);
  auto& index = member_index_[&object];
  if (index.empty()) {
    for (const Member& member : object.members()) index.emplace(member.key, &member.value);
  }
  const auto found = index.find(key);
  return found == index.end() ? nullptr : found->second;
}

Document::Found Document::walk(Resource* resource, std::string_view fragment, const std::string& reference,
                               const Subschema& from, Keyword keyword) {
  const Value* target = resource->root;
  const Place* place = resource->place;
  for (std::size_t at = 1; at <= fragment.size();) {
    const std::size_t end = std::min(fragment.find('/', at), fragment.size());
    std::string token;
    for (std::size_t i = at; i < end; ++i) {
      if (fragment[i] == '~' && i + 1 < end && (fragment[i + 1] == '0' || fragment[i + 1] == '1')) {
        token.push_back(fragment[++i] == '0' ? '~' : '/');
      } else {
        token.push_back(fragment[i]);
      }
    }
    at = end + 1;
    const Value* next = nullptr;
    if (target->is_object()) {
      next = member(*target, token);
    } else if (target->is_array() && !token.empty() && token.size() < 10 &&
               token.find_first_not_of("0123456789") == std::string::npos) {
      const auto index = static_cast<std::uint32_t>(std::stoul(token));
      if (index < target->count) next = target->first_item + index;
    }
    if (next == nullptr) {
      const std::string under = place->pointer();
      throw SchemaError(
          "the reference leads nowhere: there is no " + quoted(token) + " under " + (under.empty() ? "#" : under),
          from.pointer(keyword), reference);
    }
    target = next;
    labels_.push_back(std::move(token));
    place = below(place, labels_.back());
    if (const auto own = identified_.find(target); own != identified_.end()) resource = own->second;
  }
  return {target, resource, place};
}

}  // namespace tamis::schema
