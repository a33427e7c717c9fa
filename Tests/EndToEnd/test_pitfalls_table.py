"""How others failed, point by point in our own words, with the public reports of it and the tests that would notice if we
failed the same way. A report is written `repository#number`, issues and pull requests alike; one of its tests has the
number in its name. The list of reports stands beside the table, so that a row that is lost is missed.

What was reported of several instances of one gateway is tested with two gateways that know the same servers, grants and
keys: one self-hosted gateway keeps its sessions to itself, so what it owes is that a session elsewhere, or of its
predecessor, is refused at once and in the words that make a client open a new one, and that requests without a session
are served by whichever of them they come to."""

import importlib
import re
import unittest

REPORTS = """
    agent-deck#117 agent-platform#224 agents#1632 agentgateway#95 agentgateway#495 agentgateway#573 agentgateway#621
    agentgateway#742 agentgateway#754 agentgateway#772 agentgateway#1266 agentgateway#1410 agentgateway#1478
    agentgateway#1985 agentgateway#2167 agentgateway#2373 agentgateway#2421 agentgateway#2538 agentgateway#3476
    agentgateway#3578 agno#8705 ai-gateway#1938 ai-gateway#2105 ai-gateway#2219 ai-gateway#2412 ai-sdk-go#133
    anythingmcp#533 apollo-mcp-server#811 archestra#5494 awesome-mcp-security#289 bifrost#4998 claude-ai-mcp#539
    claude-code#78762 codebase-memory-mcp#1247 codex#31805 context-forge#1910 context-forge#1983 context-forge#1984
    context-forge#2973 context-forge#4549 context-forge#4915 context-forge#5135 context-forge#5224 context-forge#5484
    context-forge#5600 context-forge#5687 context-forge#6149 context-forge#6647 desktop-linux#302 docker-mcp-gateway#65
    docker-mcp-gateway#107 docker-mcp-gateway#318 docker-mcp-gateway#412 docker-mcp-gateway#483 fastmcp#4124 frontmcp#529
    gh-aw-mcpg#3332 go-sdk#937 go-sdk#1236 gridctl#287 higress#3685 jetbrains-cc-gui#1743 kotlin-sdk#716
    Kuadrant-mcp-gateway#422 Kuadrant-mcp-gateway#949 leviath#880 litellm#23761 litellm#26733 mcp-gateway-registry#960
    mcp-go#588 mcp-go#913 mcp-hangar#877 mcp-proxy#213 mcp-proxy#247 mcp-remote#226 mcp_dart#126 metamcp#249
    microsoft-mcp#2970 modelcontextprotocol#1644 nika#657 node9-proxy#81 OmniRoute#5169 pctx#119 pipelock#436
    python-sdk#3060 python-sdk#3137 qwen-code#11272 render-mcp-server#26 swift-sdk#265 template-agent#230 toolhive#5655
    toolhive#5744 toolhive#5768 toolhive#5939 twenty#24559 worldmonitor#7572 xagent#1342 XcodeMCPKit#210
""".split()

# (what went wrong, reports, tests: `Class.test` of test_pitfalls, or with another module before it)
TABLE = [
    # Ids and routing
    ("answers go by the client's own id, so that of one caller reaches another, whose call then hangs; real clients count "
     "from 1 each, or say 1 always and share a session",
     "python-sdk#3060 python-sdk#3137 agents#1632 swift-sdk#265 claude-ai-mcp#539",
     ["IdsAndRouting.test_equal_ids_in_flight_python_sdk_3060_3137_swift_sdk_265_claude_ai_mcp_539",
      "test_pitfalls_instances.OneServer.test_equal_ids_on_one_pipe_agents_1632",
      "test_isolation.Isolation.test_64_clients_over_http", "test_isolation.Isolation.test_64_clients_over_stdio"]),
    ("a request is answered twice", "agentgateway#2421",
     ["IdsAndRouting.test_one_request_is_answered_once_agentgateway_2421",
      "IdsAndRouting.test_one_request_is_answered_once_over_stdio_agentgateway_2421"]),
    ("an answer comes once more on the standing stream", "agentgateway#2373",
     ["IdsAndRouting.test_no_response_on_the_get_stream_agentgateway_2373"]),
    ("a cancellation bears the client's id, goes to another server, or waits behind the call it is about",
     "XcodeMCPKit#210",
     ["IdsAndRouting.test_cancellation_has_the_upstreams_id_and_overtakes_XcodeMCPKit_210_fastmcp_4124",
      "IdsAndRouting.test_cancellation_goes_to_the_right_server_XcodeMCPKit_210"]),
    ("a cancellation goes nowhere at all", "fastmcp#4124 context-forge#1983 Kuadrant-mcp-gateway#422",
     ["IdsAndRouting.test_cancellation_has_the_upstreams_id_and_overtakes_XcodeMCPKit_210_fastmcp_4124",
      "test_pitfalls_instances.OneServer.test_cancellation_reaches_a_child_context_forge_1983",
      "test_pitfalls_instances.Several.test_cancellation_finds_its_server_context_forge_1983_Kuadrant_422",
      "ModernUpstream.test_cancelling_closes_the_stream"]),
    ("cancelling one call ends the process that all calls share", "qwen-code#11272",
     ["IdsAndRouting.test_cancelling_keeps_the_shared_process_qwen_code_11272"]),

    # Progress, notifications, what servers ask
    ("progress is held back until the end", "context-forge#6647",
     ["ProgressAndRequests.test_progress_is_relayed_live_context_forge_6647_4549",
      "ProgressAndRequests.test_progress_is_relayed_live_over_stdio_context_forge_6647"]),
    ("progress under a token that the client never gave away, which strict clients end the session for", "twenty#24559",
     ["ProgressAndRequests.test_tokens_never_issued_twenty_24559",
      "ProgressAndRequests.test_tokens_never_issued_over_stdio_twenty_24559"]),
    ("notifications are lost on a pipe or with modern clients, or come twice",
     "toolhive#5768 toolhive#5744 desktop-linux#302 docker-mcp-gateway#107",
     ["ProgressAndRequests.test_notifications_arrive_once_toolhive_5768_5744_docker_302_107",
      "test_pitfalls_instances.OneServer.test_modern_listeners_hear_it_once_toolhive_5768_5744",
      "test_wrap.Wrap.test_the_pipe_is_the_legacy_stream", "test_wrap.Wrap.test_subscriptions_are_stamped_and_ended"]),
    ("what a server asks of the client gets lost, and the call hangs",
     "litellm#23761 higress#3685 Kuadrant-mcp-gateway#949 toolhive#5939",
     ["ProgressAndRequests.test_a_request_to_the_client_does_not_hang_litellm_23761_higress_3685_toolhive_5939",
      "ProgressAndRequests.test_a_request_to_the_client_does_not_hang_over_stdio_Kuadrant_949",
      "ProgressAndRequests.test_the_answer_reaches_the_server_that_asked",
      "test_streams.Parked.test_a_question_is_an_answer_and_the_retry_goes_on_with_the_call"]),
    ("servers are told of capabilities that no client at the other end has", "archestra#5494",
     ["ProgressAndRequests.test_capabilities_upstream_are_the_live_callers_archestra_5494"]),

    # Event streams
    ("an event without its `event:` line, which a common client waits for", "agentgateway#2167 toolhive#5655",
     ["Streams.test_every_event_has_its_event_line_agentgateway_2167_toolhive_5655"]),
    ("an empty first event is taken for the answer; lines that end in CR LF are not understood",
     "ai-gateway#2219 agent-deck#117",
     ["Streams.test_shapes_of_event_streams_envoy_ai_gateway_2219_agent_deck_117"]),
    ("a stream is read to its end before anything is passed on", "context-forge#4549",
     ["ProgressAndRequests.test_progress_is_relayed_live_context_forge_6647_4549"]),
    ("the head of a stream waits for its first byte, or something on the way keeps the bytes back",
     "go-sdk#937 modelcontextprotocol#1644",
     ["Streams.test_the_stream_begins_at_once_go_sdk_937", "Streams.test_nothing_on_the_way_may_buffer_spec_1644"]),
    ("a client that comes back is refused its stream, since the dead one still counts",
     "render-mcp-server#26 kotlin-sdk#716",
     ["Streams.test_a_second_stream_replaces_the_first_render_26_kotlin_sdk_716"]),
    ("what is sent again belongs to another stream or another session", "mcp_dart#126 frontmcp#529",
     ["Streams.test_nothing_is_replayed_to_another_session_mcp_dart_126_frontmcp_529",
      "Streams.test_resuming_brings_what_was_missed_mcp_dart_126"]),
    ("a decoded body under the old coding's name, codings that are asked for and not understood, compressed bodies that "
     "nobody looks into", "agentgateway#621 ai-gateway#1938 agent-platform#224 pipelock#436",
     ["Streams.test_encodings_agentgateway_621_envoy_1938_agent_platform_224_pipelock_436",
      "test_protocol.Bodies.test_compressed_bodies_are_refused"]),

    # Sessions, and several gateways
    ("a session is asked for where it is not: at another instance, or after a restart",
     "agentgateway#754 agentgateway#573 context-forge#5600 mcp-hangar#877 mcp-gateway-registry#960",
     ["test_pitfalls_instances.Restarted.test_a_live_session_and_the_next_gateway_agentgateway_754_context_forge_5600",
      "test_pitfalls_instances.Replicas."
      "test_a_session_is_its_gateways_agentgateway_573_mcp_hangar_877_mcp_gateway_registry_960",
      "test_pitfalls_instances.Replicas.test_one_folder_has_one_gateway_agentgateway_754"]),
    ("requests that need no session are bound to an instance all the same", "microsoft-mcp#2970",
     ["test_pitfalls_instances.Restarted.test_modern_clients_notice_nothing_microsoft_mcp_2970",
      "test_pitfalls_instances.Replicas.test_requests_of_the_modern_era_go_to_either_microsoft_mcp_2970"]),
    ("a session of no servers at all", "agentgateway#742",
     ["test_pitfalls_instances.Several.test_no_session_of_no_servers_agentgateway_742",
      "ManyServers.test_one_dead_server_fails_nobody_else_agentgateway_1266_742"]),
    ("the client's session id goes on to the server", "agentgateway#1985",
     ["Sessions.test_the_clients_session_id_stays_here_agentgateway_1985"]),
    ("a session that has ended is answered with 400, so that clients do not begin anew", "OmniRoute#5169",
     ["Sessions.test_a_stale_session_is_404_OmniRoute_5169"]),
    ("later requests of a session lose the path that it was opened at", "context-forge#2973",
     ["Sessions.test_a_session_belongs_to_its_path_context_forge_2973"]),
    ("servers with and without sessions do not go together", "context-forge#5484",
     ["Sessions.test_mixed_stateful_and_stateless_upstreams_context_forge_5484"]),
    ("a session ends under a client that never opens a second one", "docker-mcp-gateway#412",
     ["test_pitfalls_instances.Restarted.test_a_server_that_began_anew_ends_nobodys_session_docker_412",
      "Sessions.test_an_upstream_session_that_ended_is_opened_anew"]),

    # Failures, time, size
    ("one dead or broken server fails all, at the start or later", "agentgateway#1266 pctx#119 mcp-proxy#213",
     ["Failures.test_one_dead_server_fails_nobody_else_agentgateway_1266_pctx_119_mcp_proxy_213",
      "ManyServers.test_one_dead_server_fails_nobody_else_agentgateway_1266_742",
      "test_pitfalls_instances.Several.test_a_server_that_is_back_is_told_of_and_shown_again_agentgateway_1266"]),
    ("calls without an end", "mcp-remote#226",
     ["Failures.test_calls_end_in_time_mcp_remote_226", "Failures.test_calls_end_in_time_over_stdio_mcp_remote_226"]),
    ("a limit of size that is not kept, can't be set, or is told as bad JSON", "agentgateway#1410 agentgateway#3578",
     ["Failures.test_an_answer_over_the_cap_agentgateway_1410",
      "test_pitfalls_instances.OneServer.test_requests_over_the_limit_are_told_so_agentgateway_1410_3578"]),
    ("lines over 64 KiB break a pipe", "mcp-go#588", ["Failures.test_long_lines_over_stdio_mcp_go_588"]),
    ("lines without an end fill the memory", "codex#31805",
     ["Failures.test_a_line_without_end_is_no_harm_codex_31805_agentgateway_1410_3578",
      "test_wrap.Wrap.test_garbage_is_answered_and_survived"]),
    ("a process for each call, so that nothing is remembered; children that outlive us",
     "docker-mcp-gateway#318 docker-mcp-gateway#65",
     ["Failures.test_one_process_for_all_calls_docker_318_65",
      "Failures.test_grandchildren_end_with_the_gateway_docker_318"]),
    ("dead children that nobody reaps", "docker-mcp-gateway#483", ["Failures.test_no_zombies_docker_483"]),
    ("a child is dead, and health says that all is well", "mcp-proxy#247",
     ["Failures.test_a_call_to_a_dying_child_fails_at_once_mcp_proxy_247",
      "test_pitfalls_instances.OneServer.test_a_dead_child_is_not_said_to_be_well_mcp_proxy_247"]),
    ("children that do not end when their input does", "jetbrains-cc-gui#1743",
     ["Failures.test_children_that_ignore_the_end_jetbrains_cc_gui_1743"]),

    # Names, lists, numbers
    ("a tool's name depends on how many servers there are, or on their order", "agentgateway#495 leviath#880",
     ["ManyServers.test_names_do_not_depend_on_who_is_there_agentgateway_495_leviath_880"]),
    ("names over 64 characters, or cut where they differ",
     "metamcp#249 litellm#26733 ai-sdk-go#133 xagent#1342",
     ["ManyServers.test_long_names_metamcp_249_litellm_26733_ai_sdk_go_133_xagent_1342"]),
    ("a resource's new name is no URI, has no way back, or is missing in results",
     "agentgateway#1478 agentgateway#2538 ai-gateway#2412",
     ["NamesListsNumbers.test_uris_in_results_stay_agentgateway_1478_2538_envoy_2412",
      "ManyServers.test_resources_have_a_way_back_agentgateway_1478_2538"]),
    ("only the first page of a list", "agentgateway#3476",
     ["NamesListsNumbers.test_all_pages_agentgateway_3476", "ManyServers.test_pages_of_several_servers_agentgateway_3476"]),
    ("a list whose pages never end", "codebase-memory-mcp#1247",
     ["NamesListsNumbers.test_a_cursor_that_never_ends_codebase_memory_mcp_1247"]),
    ("a list stays as it was after it has changed", "context-forge#1910 context-forge#1984",
     ["NamesListsNumbers.test_lists_are_fresh_after_a_change_context_forge_1910_1984",
      "NamesListsNumbers.test_a_change_while_the_list_is_read_is_not_lost"]),
    ("what was once unknown stays unknown", "context-forge#4915 bifrost#4998",
     ["NamesListsNumbers.test_an_unknown_tool_is_not_remembered_as_unknown_context_forge_4915_bifrost_4998"]),
    ("one caller's list is shown to another, by the gateway or by a cache on the way", "template-agent#230 anythingmcp#533",
     ["NamesListsNumbers.test_lists_belong_to_their_caller_template_agent_230",
      "test_pitfalls_instances.OneServer.test_what_a_policy_filters_is_private_anythingmcp_533"]),
    ("integers above 2⁵³ change when they are written anew", "mcp-go#913 go-sdk#1236 claude-code#78762",
     ["NamesListsNumbers.test_numbers_and_bytes_stay_mcp_go_913_go_sdk_1236_claude_code_78762",
      "NamesListsNumbers.test_numbers_and_bytes_stay_over_stdio_mcp_go_913"]),
    ("members that the gateway does not know are left out or cut", "worldmonitor#7572",
     ["NamesListsNumbers.test_members_nobody_knows_stay_worldmonitor_7572"]),
    ("a tool is renamed, and the header fields still say the old name", "context-forge#6149 context-forge#5687",
     ["ManyServers.test_a_renamed_tool_has_its_own_name_upstream_context_forge_6149",
      "ModernUpstream.test_headers_name_what_the_body_says_context_forge_6149_5687"]),

    # Policy and secrets
    ("the list is filtered and the call is not", "gh-aw-mcpg#3332",
     ["Policy.test_what_is_not_listed_can_not_be_called_gh_aw_mcpg_3332"]),
    ("the call is refused and the list shows it; what may be seen and what may be done drift apart",
     "ai-gateway#2105 agentgateway#95 agentgateway#772",
     ["Policy.test_what_is_hidden_is_not_listed_envoy_2105_agentgateway_95_772"]),
    ("what no rule speaks of is let through", "agno#8705", ["Policy.test_what_no_rule_names_is_refused_agno_8705"]),
    ("a definition changes after a person has approved it; the record of what was approved is unusable",
     "node9-proxy#81 nika#657 gridctl#287",
     ["Policy.test_rug_pull_node9_81_nika_657_gridctl_287", "test_pins.Pins.test_every_part_of_a_definition_counts",
      "test_pins.Pins.test_changed_instructions_are_not_passed_on", "test_pins.Pins.test_pins_of_no_use_refuse_everything",
      "test_pitfalls_instances.OneServer.test_lists_are_filtered_again_when_they_change_gridctl_287"]),
    ("a changed tool comes under a new name, which no hash knows", "awesome-mcp-security#289",
     ["Policy.test_a_new_name_needs_approval_too_awesome_mcp_security_289"]),
    ("the client's token or header fields reach the server, or take the place of its own",
     "context-forge#5135 context-forge#5224 apollo-mcp-server#811",
     ["Policy.test_credentials_stay_here_context_forge_5135_5224_apollo_811",
      "Policy.test_upstream_credentials_stay_there"]),
]


def found(name):
    """The method that a row names."""
    parts = name.split(".")
    module, case, test = parts if len(parts) == 3 else ("test_pitfalls", *parts)
    return getattr(getattr(importlib.import_module(module), case, None), test, None)


class Table(unittest.TestCase):
    def test_every_report_has_a_test(self):
        tests = {}
        for _, reports, names in TABLE:
            for report in reports.split():
                tests.setdefault(report, []).extend(names)
        self.assertEqual(sorted(tests), sorted(REPORTS), "the list and the table differ")
        self.assertEqual(len(REPORTS), len(set(REPORTS)))
        self.assertEqual(len(REPORTS), 98)
        for report, names in tests.items():
            number = report.partition("#")[2]
            self.assertTrue(any(re.search(rf"_{number}(_|$)", name) for name in names), f"no test is named after {report}")

    def test_every_test_exists(self):
        for what, _, names in TABLE:
            self.assertTrue(names, what)
            for name in names:
                test = found(name)
                self.assertTrue(callable(test) and test.__name__.startswith("test_"), name)
                self.assertFalse(hasattr(test, "__unittest_skip__"), name)

    def test_every_test_of_a_report_is_in_the_table(self):
        """So that a renamed test, or a new one, is seen."""
        named = {name.rpartition(".")[2] for _, _, names in TABLE for name in names}
        numbers = {report.partition("#")[2] for report in REPORTS}
        for module in ("test_pitfalls", "test_pitfalls_instances"):
            for case in vars(importlib.import_module(module)).values():
                if isinstance(case, type) and issubclass(case, unittest.TestCase):
                    for test in unittest.TestLoader().getTestCaseNames(case):
                        if numbers & set(re.findall(r"\d+", test)):
                            self.assertIn(test, named)


if __name__ == "__main__":
    import harness
    harness.main()
