#include "control/json_reader.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace weir::control {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMembersMax = 64;

// Told of each token by the parser; returning false ends the parse.
class FlatObject final : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(std::int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override { return add(std::uint64_t{value}); }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return add(double{value});
  }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t& /*value*/) override { return fail("binary data"); }
  bool start_object(std::size_t /*count*/) override {
    if (in_object_) return fail("an object inside the object");
    in_object_ = true;
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(std::size_t /*count*/) override { return fail("an array"); }
  bool end_array() override { return true; }

  bool key(string_t& name) override {
    const bool twice =
        std::ranges::any_of(members_, [&](const auto& member) { return member.first == name; });
    if (twice) return fail("the name \"" + name + "\" twice");
    if (members_.size() == kMembersMax) return fail("too many names");
    members_.emplace_back(std::move(name), nullptr);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return fail("an error of JSON's grammar at byte " + std::to_string(position));
  }

  Result<JsonMembers> take(bool well) {
    if (well && in_object_) return std::move(members_);
    return Error{.code = ErrorCode::Usage,
                 .context = "the body has " + (fault_.empty() ? "no object" : fault_) +
                            R"( (send one JSON object of plain values, such as {"name": 1}))"};
  }

 private:
  bool add(JsonScalar value) {
    if (!in_object_) return fail("no object");
    members_.back().second = std::move(value);
    return true;
  }
  bool fail(std::string what) {
    fault_ = std::move(what);
    return false;
  }

  JsonMembers members_;
  std::string fault_;
  bool in_object_ = false;
};

}  // namespace

Result<JsonMembers> read_flat_object(std::string_view text) {
  FlatObject object;
  const bool well = Json::sax_parse(text.begin(), text.end(), &object);
  return object.take(well);
}

}  // namespace weir::control
