#include "forms.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace tamis::schema {
namespace {

// Larger unions are not multiplied out: a product of overlapping alternatives, not something that anybody wrote down.
constexpr std::size_t kMaxShapes = 32;
constexpr std::size_t kMaxTracked = 1024;
constexpr const char* kTooMany = "its alternatives multiply beyond what can be kept";

// Equal shapes mostly come one behind the other; looking back further would cost more than it saves.
template <typename Shape>
void append_unless_recent(std::vector<Shape>& shapes, Shape shape) {
  const std::size_t recent = shapes.size() > 8 ? shapes.size() - 8 : 0;
  if (std::find(shapes.begin() + static_cast<std::ptrdiff_t>(recent), shapes.end(), shape) == shapes.end()) {
    shapes.push_back(std::move(shape));
  }
}

// The names that the shapes mention, as declared ones: keys come in the order in which schemas mention them.
void declare_names(const std::vector<ObjectShape>& shapes, ObjectShape& to) {
  std::vector<std::pair<StringId, GoalId>> names;
  std::unordered_set<StringId> seen;
  const auto add = [&](StringId name) {
    if (seen.insert(name).second) names.emplace_back(name, kAnything);
  };
  for (const ObjectShape& shape : shapes) {
    for (const auto& rules : shape.rules) {
      for (const auto& [name, goal] : rules->properties()) add(name);
    }
    for (const StringId name : shape.required) add(name);
  }
  if (names.empty()) return;
  to.rules = {std::make_shared<const KeyRules>(std::move(names), std::vector<std::pair<AtomId, GoalId>>{}, kAnything)};
}
void declare_names(const std::vector<ArrayShape>&, ArrayShape&) {}

// The points of a set of numbers by their text; none where it is not a set of points.
std::optional<std::unordered_set<std::string>> points_of(NumberUnion shapes) {
  std::unordered_set<std::string> points;
  for (const NumberShape& shape : *shapes) {
    if (shape.is_empty()) continue;
    if (!shape.is_point() || shape.spelling != Spelling::kAny) return std::nullopt;
    points.insert(shape.low->text());
  }
  return points;
}

}  // namespace

template <typename Shape>
const std::vector<Shape>* Unrestricted<Shape>::none() {
  static const std::vector<Shape> kNone;
  return &kNone;
}

template <typename Shape>
const std::vector<Shape>* Unrestricted<Shape>::any() {
  static const std::vector<Shape> kAny = {Shape{}};
  return &kAny;
}

template struct Unrestricted<NumberShape>;
template struct Unrestricted<StringShape>;
template struct Unrestricted<ArrayShape>;
template struct Unrestricted<ObjectShape>;

Form Form::any() {
  return {true,
          kFalseBit | kTrueBit,
          Unrestricted<NumberShape>::any(),
          Unrestricted<StringShape>::any(),
          Unrestricted<ArrayShape>::any(),
          Unrestricted<ObjectShape>::any()};
}

bool Form::is_any() const {
  return null && booleans == (kFalseBit | kTrueBit) && numbers == Unrestricted<NumberShape>::any() &&
         strings == Unrestricted<StringShape>::any() && arrays == Unrestricted<ArrayShape>::any() &&
         objects == Unrestricted<ObjectShape>::any();
}

bool Form::is_none() const {
  return !null && booleans == 0 && numbers->empty() && strings->empty() && arrays->empty() && objects->empty();
}

NumberUnion Forms::keep(std::vector<NumberShape> shapes) {
  return shapes.empty() ? Unrestricted<NumberShape>::none() : &numbers_.emplace_back(std::move(shapes));
}
StringUnion Forms::keep(std::vector<StringShape> shapes) {
  return shapes.empty() ? Unrestricted<StringShape>::none() : &strings_.emplace_back(std::move(shapes));
}
ArrayUnion Forms::keep(std::vector<ArrayShape> shapes) {
  return shapes.empty() ? Unrestricted<ArrayShape>::none() : &arrays_.emplace_back(std::move(shapes));
}
ObjectUnion Forms::keep(std::vector<ObjectShape> shapes) {
  return shapes.empty() ? Unrestricted<ObjectShape>::none() : &objects_.emplace_back(std::move(shapes));
}

// Conjunction ---------------------------------------------------------------------------------------------------------

// The union of all meets; none where that is too much.
template <typename Shape>
std::optional<std::vector<Shape>> Forms::multiplied(Union<Shape> first, Union<Shape> second) {
  if (first->size() * second->size() > 16 * kMaxTracked) return std::nullopt;
  oracle_.document().budget.spend(8 * first->size() * second->size());
  std::vector<Shape> shapes;
  for (const Shape& one : *first) {
    for (const Shape& other : *second) {
      auto both = meet(one, other);
      if (both) append_unless_recent(shapes, std::move(*both));
    }
  }
  return shapes;
}

template <typename Shape>
Forms::Union<Shape> Forms::product(Union<Shape> first, Union<Shape> second, bool tracked) {
  const Union<Shape> any = Unrestricted<Shape>::any();
  if (first->empty() || second == any || first == second) return first;
  if (second->empty() || first == any) return second;
  if constexpr (std::is_same_v<Shape, NumberShape>) {
    if (first->size() * second->size() > 64) {
      const auto points = points_of(first);
      const auto other_points = points_of(second);
      if (points && other_points) {
        std::vector<NumberShape> shared;
        for (const NumberShape& shape : *first) {
          if (!shape.is_empty() && other_points->count(shape.low->text()) != 0) shared.push_back(shape);
        }
        return keep(std::move(shared));
      }
    }
    if (auto shapes = multiplied<Shape>(first, second)) return keep(std::move(*shapes));
    throw NotExpressible(kTooMany);
  } else {
    const auto conditioned = [](Union<Shape> shapes) {
      return std::any_of(shapes->begin(), shapes->end(), [](const Shape& shape) { return !shape.also.empty(); });
    };
    const bool alternatives = first->size() > 1 && second->size() > 1;
    if (!alternatives || tracked || !(conditioned(first) || conditioned(second))) {
      auto shapes = multiplied<Shape>(first, second);
      const std::size_t limit = std::max({tracked ? kMaxTracked : kMaxShapes, first->size(), second->size()});
      if (shapes && shapes->size() <= limit) {
        const Union<Shape> all = keep(std::move(*shapes));
        if (!all->empty()) factors_.emplace(all, factors_of(first, second));
        return all;
      }
    }
    if (tracked) throw NotExpressible(kTooMany);
    // Kept as they are: what has no alternatives as one shape, the others as conditions on it.
    std::vector<const void*> factors = factors_of(first, second);
    std::optional<Shape> kept = Shape{};
    for (const void* factor : factors) {
      const auto shapes = static_cast<Union<Shape>>(factor);
      Shape condition;
      if (shapes->size() == 1) {
        condition = shapes->front();
      } else {
        condition.also = {{shapes, true}};
        declare_names(*shapes, condition);
      }
      kept = meet(*kept, condition);
      if (!kept) return Unrestricted<Shape>::none();
    }
    const Union<Shape> both = keep(std::vector<Shape>{std::move(*kept)});
    factors_.emplace(both, std::move(factors));
    return both;
  }
}

// The unions of which two are the product.
std::vector<const void*> Forms::factors_of(const void* first, const void* second) const {
  std::vector<const void*> factors;
  for (const void* shapes : {first, second}) {
    const auto known = factors_.find(shapes);
    const std::vector<const void*> own = known == factors_.end() ? std::vector{shapes} : known->second;
    for (const void* factor : own) {
      if (std::find(factors.begin(), factors.end(), factor) == factors.end()) factors.push_back(factor);
    }
  }
  return factors;
}

StringUnion Forms::product(StringUnion first, StringUnion second) {
  const StringUnion any = Unrestricted<StringShape>::any();
  if (first->empty() || second == any || first == second) return first;
  if (second->empty() || first == any) return second;
  oracle_.document().budget.spend(8 * (first->size() + second->size()));
  return keep(meet_unions(first, second, oracle_));
}

Form Forms::intersect(const Form& first, const Form& second, bool tracked) {
  Form out;
  out.null = first.null && second.null;
  out.booleans = first.booleans & second.booleans;
  out.numbers = product<NumberShape>(first.numbers, second.numbers, tracked);
  out.strings = product(first.strings, second.strings);
  out.arrays = product<ArrayShape>(first.arrays, second.arrays, tracked);
  out.objects = product<ObjectShape>(first.objects, second.objects, tracked);
  return out;
}

// Union ---------------------------------------------------------------------------------------------------------------

template <typename Shape>
Forms::Union<Shape> Forms::sum(const std::vector<Union<Shape>>& unions) {
  std::vector<Shape> shapes;
  Union<Shape> single = nullptr;
  std::size_t inhabited = 0;
  for (const Union<Shape> shapes_of_one : unions) {
    if (shapes_of_one->empty()) continue;
    ++inhabited;
    single = shapes_of_one;
  }
  if (inhabited == 1) return single;
  for (const Union<Shape> shapes_of_one : unions) {
    oracle_.document().budget.spend(shapes_of_one->size());
    for (const Shape& shape : *shapes_of_one) append_unless_recent(shapes, shape);
  }
  if (inhabited > 1 && shapes.size() == 1) {
    for (const Union<Shape> shapes_of_one : unions) {
      if (shapes_of_one->size() == 1) return shapes_of_one;
    }
  }
  return keep(std::move(shapes));
}

Form Forms::unite(const std::vector<Form>& forms, bool tracked) {
  if (forms.size() == 1) return forms.front();
  std::vector<NumberUnion> numbers;
  std::vector<StringUnion> strings;
  std::vector<ArrayUnion> arrays;
  std::vector<ObjectUnion> objects;
  Form out;
  for (const Form& form : forms) {
    if (!tracked && form.is_any()) return form;
    out.null = out.null || form.null;
    out.booleans |= form.booleans;
    numbers.push_back(form.numbers);
    strings.push_back(form.strings);
    arrays.push_back(form.arrays);
    objects.push_back(form.objects);
  }
  const auto unite_of = [&](auto& unions, auto any, auto otherwise) {
    if (!tracked && std::find(unions.begin(), unions.end(), any) != unions.end()) return any;
    return otherwise(unions);
  };
  out.numbers = unite_of(numbers, Unrestricted<NumberShape>::any(), [&](auto& u) { return sum<NumberShape>(u); });
  out.strings = unite_of(strings, Unrestricted<StringShape>::any(), [&](auto& u) -> StringUnion {
    const StringUnion all = sum<StringShape>(u);
    return all->size() <= 1 ? all : keep(merged(*all));
  });
  out.arrays = unite_of(arrays, Unrestricted<ArrayShape>::any(), [&](auto& u) { return sum<ArrayShape>(u); });
  out.objects = unite_of(objects, Unrestricted<ObjectShape>::any(), [&](auto& u) { return sum<ObjectShape>(u); });
  return out;
}

// Complement ----------------------------------------------------------------------------------------------------------

template <typename Shape>
Forms::Union<Shape> Forms::complements(Union<Shape> shapes) {
  const Union<Shape> any = Unrestricted<Shape>::any();
  if (shapes == any) return Unrestricted<Shape>::none();
  Union<Shape> result = any;
  for (const Shape& shape : *shapes) {
    const Union<Shape> outside = keep(complement_of(shape));
    if constexpr (std::is_same_v<Shape, NumberShape>) {
      result = product<Shape>(result, outside, false);
    } else {
      std::optional<std::vector<Shape>> multiplied_out;
      if (result == any || outside->empty()) {
        result = outside;
        multiplied_out.emplace();
      } else if (result->size() * outside->size() <= 4 * kMaxShapes) {
        multiplied_out = multiplied<Shape>(result, outside);
        if (multiplied_out && multiplied_out->size() <= kMaxShapes)
          result = keep(std::move(*multiplied_out));
        else
          multiplied_out.reset();
      }
      if (!multiplied_out) {
        Shape others;
        others.also = {{shapes, false}};
        return keep(std::vector<Shape>{std::move(others)});
      }
    }
    if (result->empty()) break;
  }
  return result;
}

StringUnion Forms::complements(StringUnion shapes) {
  if (shapes == Unrestricted<StringShape>::any()) return Unrestricted<StringShape>::none();
  if (shapes->empty()) return Unrestricted<StringShape>::any();
  return keep(complement_union(shapes, oracle_));
}

Form Forms::complement(const Form& form) {
  Form out;
  out.null = !form.null;
  out.booleans = form.booleans ^ (kFalseBit | kTrueBit);
  out.numbers = complements<NumberShape>(form.numbers);
  out.strings = complements(form.strings);
  out.arrays = complements<ArrayShape>(form.arrays);
  out.objects = complements<ObjectShape>(form.objects);
  return out;
}

// Exactly one ---------------------------------------------------------------------------------------------------------

template <typename Shape>
Forms::Union<Shape> Forms::one_of(const std::vector<Union<Shape>>& unions, Union<Shape> within, bool tracked) {
  std::vector<Union<Shape>> inhabited;
  for (const Union<Shape> shapes : unions) {
    if (!shapes->empty()) inhabited.push_back(shapes);
  }
  if (inhabited.empty()) return Unrestricted<Shape>::none();
  if (inhabited.size() == 1) return inhabited.front();
  if constexpr (std::is_same_v<Shape, NumberShape>) {
    std::unordered_map<std::string, int> counts;
    bool listed = true;
    for (const Union<Shape> shapes : inhabited) {
      const auto points = points_of(shapes);
      listed = listed && points;
      if (!listed) break;
      for (const std::string& point : *points) ++counts[point];
    }
    if (listed) {
      std::vector<Shape> once;
      for (const Union<Shape> shapes : inhabited) {
        for (const Shape& shape : *shapes) {
          if (!shape.is_empty() && counts[shape.low->text()] == 1) once.push_back(shape);
        }
      }
      return keep(std::move(once));
    }
  }
  const auto overlap = [&](Union<Shape> a, Union<Shape> b) {
    const auto shared = product<Shape>(product<Shape>(a, b, tracked), within, tracked);
    return std::any_of(shared->begin(), shared->end(), [&](const Shape& shape) { return !empty(shape); });
  };
  const std::size_t count = inhabited.size();
  std::vector<std::vector<std::size_t>> overlapping(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      oracle_.document().budget.spend(10);
      if (inhabited[i] != inhabited[j] && !overlap(inhabited[i], inhabited[j])) continue;
      overlapping[i].push_back(j);
      overlapping[j].push_back(i);
    }
  }
  std::vector<Union<Shape>> results;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<Union<Shape>> others;
    for (const std::size_t j : overlapping[i]) others.push_back(inhabited[j]);
    results.push_back(without<Shape>(inhabited[i], others, tracked));
  }
  return sum<Shape>(results);
}

// What is in none of the others: multiplied out while that is small, otherwise as they are but for the others together,
// which are few and mostly told apart soon.
template <typename Shape>
Forms::Union<Shape> Forms::without(Union<Shape> shapes, const std::vector<Union<Shape>>& others, bool tracked) {
  const Union<Shape> whole = shapes;
  for (const Union<Shape> other : others) {
    const Union<Shape> outside = complements<Shape>(other);
    if constexpr (!std::is_same_v<Shape, NumberShape>) {
      const std::size_t limit = tracked ? kMaxTracked : std::max(kMaxShapes, whole->size());
      if (others.size() > 1 && shapes->size() * outside->size() > limit) {
        Shape none_of_them;
        none_of_them.also = {{sum<Shape>(others), false}};
        return product<Shape>(whole, keep(std::vector<Shape>{std::move(none_of_them)}), tracked);
      }
    }
    std::vector<Shape> kept;
    for (const Shape& shape : *product<Shape>(shapes, outside, tracked)) {
      if (!empty(shape)) kept.push_back(shape);
    }
    shapes = keep(std::move(kept));
  }
  return shapes;
}

// As `one_of`, but overlaps that only an automaton could tell are taken for granted.
StringUnion Forms::one_of_strings(const std::vector<StringUnion>& unions, StringUnion within) {
  std::vector<StringUnion> inhabited;
  for (const StringUnion shapes : unions) {
    if (!shapes->empty()) inhabited.push_back(shapes);
  }
  if (inhabited.empty()) return Unrestricted<StringShape>::none();
  if (inhabited.size() == 1) return inhabited.front();
  const bool listed = std::all_of(inhabited.begin(), inhabited.end(), [](StringUnion shapes) {
    return shapes->size() == 1 && shapes->front().constants && shapes->front().atoms.empty();
  });
  if (listed) {
    std::unordered_map<StringId, int> counts;
    for (const StringUnion shapes : inhabited) {
      const auto& constants = *shapes->front().constants;
      const std::unordered_set<StringId> distinct(constants.begin(), constants.end());
      for (const StringId text : distinct) ++counts[text];
    }
    std::vector<StringId> once;
    for (const StringUnion shapes : inhabited) {
      for (const StringId text : *shapes->front().constants) {
        if (int& times = counts[text]; times == 1) {
          once.push_back(text);
          times = 0;  // not a second time
        }
      }
    }
    return once.empty() ? Unrestricted<StringShape>::none() : keep(std::vector{StringShape::of(std::move(once))});
  }
  std::vector<StringUnion> results;
  for (std::size_t i = 0; i < inhabited.size(); ++i) {
    StringUnion shapes = inhabited[i];
    for (std::size_t j = 0; j < inhabited.size(); ++j) {
      if (i == j) continue;
      const StringUnion shared = product(product(inhabited[i], inhabited[j]), within);
      const bool overlap = std::any_of(shared->begin(), shared->end(), [&](const StringShape& shape) {
        return !shape.constants || !shape.is_empty(oracle_);
      });
      if (overlap) shapes = product(shapes, complements(inhabited[j]));
    }
    results.push_back(shapes);
  }
  return sum<StringShape>(results);
}

Form Forms::exactly_one(const std::vector<Form>& forms, const Form& within, bool tracked) {
  std::uint8_t once = 0;
  std::uint8_t twice = 0;
  int nulls = 0;
  std::vector<NumberUnion> numbers;
  std::vector<StringUnion> strings;
  std::vector<ArrayUnion> arrays;
  std::vector<ObjectUnion> objects;
  for (const Form& form : forms) {
    nulls += form.null ? 1 : 0;
    twice |= once & form.booleans;
    once |= form.booleans;
    numbers.push_back(form.numbers);
    strings.push_back(form.strings);
    arrays.push_back(form.arrays);
    objects.push_back(form.objects);
  }
  Form out;
  out.null = nulls == 1;
  out.booleans = static_cast<std::uint8_t>(once & ~twice);
  out.numbers = one_of<NumberShape>(numbers, within.numbers, false);
  const StringUnion of_strings = one_of_strings(strings, within.strings);
  out.strings = of_strings->size() <= 1 ? of_strings : keep(merged(*of_strings));
  out.arrays = one_of<ArrayShape>(arrays, within.arrays, tracked);
  out.objects = one_of<ObjectShape>(objects, within.objects, tracked);
  return out;
}

bool Forms::is_empty(const Form& form) {
  const auto all_empty = [&](const auto* shapes) {
    return std::all_of(shapes->begin(), shapes->end(), [&](const auto& shape) { return empty(shape); });
  };
  return !form.null && form.booleans == 0 && all_empty(form.numbers) && all_empty(form.strings) &&
         all_empty(form.arrays) && all_empty(form.objects);
}

}  // namespace tamis::schema
