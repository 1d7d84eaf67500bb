//! Everything of the protocol that this crate uses: what it sends and what it reads. The notation is
//! [`super::shape`]'s.
//!
//! A member stands here when the code writes it, when it reads it, or when a generated type that it reads with
//! cannot do without it. A member that a generated type would quietly make a default of, though its absence
//! would mislead, is not marked `?`.

/// A request of ours.
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) sends: &'static str,
    /// The schema of its answer.
    pub(crate) answer: &'static str,
    pub(crate) reads: &'static str,
}

/// Something that the server says.
pub(crate) struct Notification {
    pub(crate) methods: &'static [&'static str],
    pub(crate) reads: &'static str,
}

/// A request of the server.
pub(crate) struct ServerRequest {
    pub(crate) method: &'static str,
    pub(crate) reads: &'static str,
    /// The schema of its answer.
    pub(crate) answer: &'static str,
    pub(crate) sends: &'static str,
}

/// What we say.
pub(crate) const SAID: &[&str] = &["initialized"];

const fn call(
    method: &'static str,
    sends: &'static str,
    answer: &'static str,
    reads: &'static str,
) -> Call {
    Call {
        method,
        sends,
        answer,
        reads,
    }
}

pub(crate) const CALLS: &[Call] = &[
    call(
        "initialize",
        "{clientInfo: {name: string, title: string, version: string}, capabilities: {experimentalApi: boolean}}",
        "InitializeResponse",
        "{userAgent: string, codexHome?: string}",
    ),
    call(
        "thread/start",
        "{cwd: string, approvalPolicy: @approvalPolicy, sandbox: @sandboxMode, model?: string, modelProvider?: string,
          developerInstructions?: string, config?: object, ephemeral?: boolean}",
        "ThreadStartResponse",
        "@openedThread",
    ),
    call(
        "thread/resume",
        "{threadId: string, excludeTurns: boolean, cwd: string, approvalPolicy: @approvalPolicy, sandbox: @sandboxMode,
          model?: string, modelProvider?: string, developerInstructions?: string, config?: object}",
        "ThreadResumeResponse",
        "@openedThread",
    ),
    call(
        "thread/fork",
        "{threadId: string, excludeTurns: boolean, lastTurnId?: string, cwd: string, approvalPolicy: @approvalPolicy,
          sandbox: @sandboxMode, model?: string, modelProvider?: string, developerInstructions?: string,
          config?: object, ephemeral?: boolean}",
        "ThreadForkResponse",
        "@openedThread",
    ),
    call("thread/archive", "{threadId: string}", "ThreadArchiveResponse", "object"),
    call("thread/unarchive", "{threadId: string}", "ThreadUnarchiveResponse", "object"),
    call("thread/delete", "{threadId: string}", "ThreadDeleteResponse", "object"),
    call("thread/unsubscribe", "{threadId: string}", "ThreadUnsubscribeResponse", "object"),
    call("thread/revert", "{threadId: string, beforeTurnId: string}", "ThreadRevertResponse", "object"),
    call("thread/compact/start", "{threadId: string}", "ThreadCompactStartResponse", "object"),
    call("thread/name/set", "{threadId: string, name: string}", "ThreadSetNameResponse", "object"),
    call("thread/shellCommand", "{threadId: string, command: string}", "ThreadShellCommandResponse", "object"),
    call(
        "thread/list",
        "{cursor: string|null, limit: integer|null, searchTerm: string|null, archived: boolean, cwd: string|null}",
        "ThreadListResponse",
        "{data: [@thread], nextCursor?: string|null}",
    ),
    call(
        "thread/search",
        "{cursor: string|null, limit: integer|null, archived: boolean, searchTerm: string}",
        "ThreadSearchResponse",
        "{data: [{thread: @thread, snippet?: string}], nextCursor?: string|null}",
    ),
    call("thread/read", "{threadId: string}", "ThreadReadResponse", "{thread: @thread}"),
    call("thread/loaded/list", "{cursor?: string}", "ThreadLoadedListResponse", "{data: [string], nextCursor?: string|null}"),
    call(
        "thread/turns/list",
        "{threadId: string, cursor: string|null, limit: integer, sortDirection: 'desc', itemsView: 'full'}",
        "ThreadTurnsListResponse",
        "{data: [{id: string, status: @turnStatus, error?: @turnError|null, startedAt?: integer|null,
          durationMs?: integer|null, items: [@item]}], nextCursor?: string|null}",
    ),
    call(
        "turn/start",
        "{threadId: string, input: [@input], cwd: string, approvalPolicy: @approvalPolicy,
          sandboxPolicy: {type: 'readOnly'}|{type: 'workspaceWrite'}|{type: 'dangerFullAccess'},
          model?: string, effort?: string, outputSchema?: any, clientUserMessageId?: string}",
        "TurnStartResponse",
        "{turn: {id: string}}",
    ),
    call("turn/steer", "{threadId: string, expectedTurnId: string, input: [{type: 'text', text: string, text_elements: []}]}", "TurnSteerResponse", "object"),
    call("turn/interrupt", "{threadId: string, turnId: string}", "TurnInterruptResponse", "object"),
    call(
        "review/start",
        "{threadId: string, delivery: 'inline', target: {type: 'uncommittedChanges'}|{type: 'baseBranch', branch: string}
          |{type: 'commit', sha: string, title: string|null}|{type: 'custom', instructions: string}}",
        "ReviewStartResponse",
        "{turn: {id: string}}",
    ),
    call(
        "model/list",
        "{includeHidden: boolean, cursor?: string}",
        "ModelListResponse",
        "{data: [{model: string, displayName: string, description?: string,
          supportedReasoningEfforts: [{reasoningEffort: string, description?: string}],
          defaultReasoningEffort?: string|null, isDefault: boolean, hidden: boolean}], nextCursor?: string|null}",
    ),
    call(
        "account/read",
        "{}",
        "GetAccountResponse",
        "{account?: {type: 'apiKey'}|{type: 'chatgpt', email: string|null, planType: string}|{type: 'amazonBedrock'}
          |{type: 'gcp'}|null, requiresOpenaiAuth: boolean}",
    ),
    call(
        "skills/list",
        "{cwds: [string]}",
        "SkillsListResponse",
        "{data: [{skills: [{name: string, description?: string, path: string, scope: string, enabled: boolean}]}]}",
    ),
    call(
        "mcpServerStatus/list",
        "{threadId: string|null, cursor?: string}",
        "ListMcpServerStatusResponse",
        "{data: [{name: string, runtimeStatus?: string|null, tools: {*: any}, toolsError?: string|null,
          authStatus: string}], nextCursor?: string|null}",
    ),
    call("config/read", "{cwd: string|null}", "ConfigReadResponse", "{config: object}"),
    call(
        "config/value/write",
        "{keyPath: string, value: any, mergeStrategy: 'replace', expectedVersion: string|null}",
        "ConfigWriteResponse",
        "{version: string, filePath: string, overriddenMetadata?: object|null}",
    ),
    call(
        "fuzzyFileSearch",
        "{query: string, roots: [string]}",
        "FuzzyFileSearchResponse",
        "{files: [{root: string, path: string, match_type: 'file'|'directory', score: integer, indices?: [integer]|null}]}",
    ),
    call(
        "command/exec",
        "{command: [string], cwd: string}",
        "CommandExecResponse",
        "{exitCode: integer, stdout: string, stderr: string}",
    ),
];

pub(crate) const NOTIFICATIONS: &[Notification] = &[
    Notification {
        methods: &[
            "item/agentMessage/delta",
            "item/plan/delta",
            "item/commandExecution/outputDelta",
            "item/fileChange/outputDelta",
        ],
        reads: "{threadId: string, turnId: string, itemId: string, delta: string}",
    },
    Notification {
        methods: &["item/reasoning/summaryTextDelta"],
        reads: "{threadId: string, turnId: string, itemId: string, delta: string, summaryIndex: integer}",
    },
    Notification {
        methods: &["item/reasoning/textDelta"],
        reads: "{threadId: string, turnId: string, itemId: string, delta: string, contentIndex: integer}",
    },
    Notification {
        methods: &["turn/started", "turn/completed"],
        reads: "{threadId: string, turn: {id: string, status: @turnStatus, error?: @turnError|null,
                 startedAt?: integer|null, durationMs?: integer|null}}",
    },
    Notification {
        methods: &["item/started"],
        reads: "{threadId: string, turnId: string, startedAtMs?: integer|null, item: @item}",
    },
    Notification {
        methods: &["item/completed"],
        reads: "{threadId: string, turnId: string, completedAtMs?: integer|null, item: @item}",
    },
    Notification {
        methods: &["turn/plan/updated"],
        reads: "{threadId: string, turnId: string, explanation?: string|null,
                 plan: [{step: string, status: 'pending'|'inProgress'|'completed'!}]}",
    },
    Notification {
        methods: &["turn/diff/updated"],
        reads: "{threadId: string, turnId: string, diff: string}",
    },
    Notification {
        methods: &["thread/tokenUsage/updated"],
        reads: "{threadId: string, turnId: string, tokenUsage: {modelContextWindow?: integer|null,
                 last: {totalTokens: integer}, total: {totalTokens: integer}}}",
    },
    Notification {
        methods: &["thread/status/changed"],
        reads: "{threadId: string, status: {type: 'notLoaded'}|{type: 'idle'}|{type: 'systemError'}
                 |{type: 'active', activeFlags: ['waitingOnApproval'|'waitingOnUserInput']}}",
    },
    Notification {
        methods: &["error"],
        reads: "{threadId: string, turnId: string, willRetry: boolean, error: @turnError}",
    },
    Notification {
        methods: &["warning"],
        reads: "{threadId?: string|null, message: string}",
    },
    Notification {
        methods: &["guardianWarning"],
        reads: "{threadId: string, message: string}",
    },
    Notification {
        methods: &["thread/name/updated"],
        reads: "{threadId: string, threadName?: string|null}",
    },
    Notification {
        methods: &["thread/settings/updated"],
        reads: "{threadId: string, threadSettings: {model: string, modelProvider: string, cwd: string,
                 approvalPolicy: @approvalPolicy|object, sandboxPolicy: @sandboxPolicy, effort?: string|null}}",
    },
    Notification {
        methods: &["thread/reverted", "thread/archived", "thread/deleted", "thread/closed"],
        reads: "{threadId: string}",
    },
    Notification {
        methods: &["serverRequest/resolved"],
        reads: "{threadId: string, requestId: string|integer}",
    },
];

pub(crate) const SERVER_REQUESTS: &[ServerRequest] = &[
    ServerRequest {
        method: "item/commandExecution/requestApproval",
        // A value that the generated type does not know makes the whole request unreadable, and it is denied.
        reads: "{threadId: string, turnId: string, itemId: string, reason?: string|null, startedAtMs: integer,
                 kind?: 'command'|'humanCommand'|'writeStdin'!, command?: string|null, cwd?: string|null,
                 commandActions?: [@commandAction]|null, proposedExecpolicyAmendment?: [string]|null,
                 networkApprovalContext?: {host: string, protocol: 'http'|'https'|'socks5Tcp'|'socks5Udp'!}|null,
                 proposedNetworkPolicyAmendments?: [{host: string, action: 'allow'|'deny'!}]|null,
                 additionalPermissions?: {network?: {enabled?: boolean|null}|null, fileSystem?: {
                    read?: [string]|null, write?: [string]|null,
                    entries?: [{path: {type: 'path'}|{type: 'glob_pattern'}|{type: 'special'}}]|null}|null}|null}",
        answer: "CommandExecutionRequestApprovalResponse",
        sends: "{decision: 'accept'|'acceptForSession'|'decline'|'cancel'
                 |{acceptWithExecpolicyAmendment: {execpolicy_amendment: [string]}}
                 |{applyNetworkPolicyAmendment: {network_policy_amendment: {host: string, action: 'allow'|'deny'}}}}",
    },
    ServerRequest {
        method: "item/fileChange/requestApproval",
        reads: "{threadId: string, turnId: string, itemId: string, reason?: string|null, startedAtMs: integer,
                 grantRoot?: string|null}",
        answer: "FileChangeRequestApprovalResponse",
        sends: "{decision: 'accept'|'acceptForSession'|'decline'|'cancel'}",
    },
    ServerRequest {
        method: "item/permissions/requestApproval",
        reads: "{threadId: string, turnId: string, itemId: string, reason?: string|null}",
        answer: "PermissionsRequestApprovalResponse",
        sends: "{permissions: {}, scope: 'turn'}",
    },
    ServerRequest {
        method: "item/tool/requestUserInput",
        reads: "{threadId: string, turnId: string, itemId: string}",
        answer: "ToolRequestUserInputResponse",
        sends: "{answers: {*: any}}",
    },
    ServerRequest {
        method: "mcpServer/elicitation/request",
        reads: "{threadId: string, turnId?: string|null}",
        answer: "McpServerElicitationRequestResponse",
        sends: "{action: 'decline', content: null, _meta: null}",
    },
    ServerRequest {
        method: "item/tool/call",
        reads: "{threadId: string, turnId: string}",
        answer: "DynamicToolCallResponse",
        sends: "{contentItems: [{type: 'inputText', text: string}], success: boolean}",
    },
];

/// Shapes that several of the above have.
pub(crate) const NAMED: &[(&str, &str)] = &[
    ("approvalPolicy", "'untrusted'|'on-request'|'never'"),
    ("sandboxMode", "'read-only'|'workspace-write'|'danger-full-access'"),
    (
        "sandboxPolicy",
        "{type: 'readOnly'}|{type: 'workspaceWrite'}|{type: 'dangerFullAccess'}|{type: 'externalSandbox'}",
    ),
    (
        "openedThread",
        "{thread: {id: string}, model: string, modelProvider: string, cwd: string, approvalPolicy: @approvalPolicy|object,
          sandbox: @sandboxPolicy, reasoningEffort?: string|null}",
    ),
    (
        "thread",
        "{id: string, name?: string|null, preview: string, cwd: string, createdAt: integer, updatedAt: integer,
          forkedFromId?: string|null, model?: string|null}",
    ),
    ("turnStatus", "'completed'|'interrupted'|'failed'|'inProgress'"),
    (
        "turnError",
        "{message: string, additionalDetails?: string|null, codexErrorInfo?: 'contextWindowExceeded'|'usageLimitExceeded'
          |'rateLimitExceeded'|'serverOverloaded'|'internalServerError'|'unauthorized'
          |{httpConnectionFailed: {httpStatusCode?: integer|null}}
          |{responseStreamConnectionFailed: {httpStatusCode?: integer|null}}
          |{responseStreamDisconnected: {httpStatusCode?: integer|null}}
          |{responseTooManyFailedAttempts: {httpStatusCode?: integer|null}}|string|object|null}",
    ),
    (
        "input",
        "{type: 'text', text: string, text_elements: [{byteRange: {start: integer, end: integer}}]}
          |{type: 'image', url: string}|{type: 'localImage', path: string}|{type: 'skill', name: string, path: string}",
    ),
    (
        "userInput",
        "{type: 'text', text: string, text_elements?: [{placeholder?: string|null}]}|{type: 'image', detail?: @imageDetail|null!}
          |{type: 'localImage', path: string, detail?: @imageDetail|null!}|{type: 'audio'}|{type: 'localAudio', path: string}
          |{type: 'skill', name: string, path: string}|{type: 'mention', name: string, path: string}",
    ),
    ("imageDetail", "'auto'|'low'|'high'|'original'"),
    (
        "commandAction",
        "{type: 'read', command: string, name: string, path: string}|{type: 'listFiles', command: string, path?: string|null}
          |{type: 'search', command: string, path?: string|null, query?: string|null}|{type: 'unknown', command: string}",
    ),
    ("workStatus", "'inProgress'|'completed'|'failed'"),
    (
        "item",
        "{type: 'userMessage', @stamped, clientId?: string|null, content: [@userInput!]}
          |{type: 'agentMessage', @stamped, text: string, delivery?: 'async'|null!,
             phase?: 'commentary'|'partial_answer'|'final_answer'|null!,
             questions?: [{title: string, options?: [string]|null}]|null,
             memoryCitation?: {entries: [{lineStart: integer, lineEnd: integer, note: string, path: string}],
                threadIds: [string]}|null}
          |{type: 'plan', @stamped, text: string}
          |{type: 'reasoning', @stamped, summary?: [string]|null, content?: [string]|null}
          |{type: 'commandExecution', @stamped, command: string, cwd: string, commandActions: [@commandAction!],
             status: @workStatus|'declined'!, source?: 'userShell'|'agent'|'unifiedExecStartup'|'unifiedExecInteraction',
             aggregatedOutput?: string|null, exitCode?: integer|null, durationMs?: integer|null,
             processId?: string|null, pluginId?: string|null, scriptPath?: string|null}
          |{type: 'fileChange', @stamped, status: @workStatus|'declined'!, changes: [{path: string, diff: string,
             kind: {type: 'add'}|{type: 'delete'}|{type: 'update', move_path?: string|null}!}]}
          |{type: 'mcpToolCall', @stamped, server: string, tool: string, arguments: any, status: @workStatus!,
             result?: {content: [any]}|null, error?: {message: string}|null, durationMs?: integer|null,
             readOnlyHint?: boolean|null, pluginId?: string|null, mcpAppResourceUri?: string|null,
             mcpAppUi?: {resourceUri: string, preferredModelDisplayMode: 'inline'|'fullscreen'!}|null,
             appContext?: {connectorId: string, actionName?: string|null, appName?: string|null,
                linkId?: string|null, resourceUri?: string|null}|null}
          |{type: 'dynamicToolCall', @stamped, tool: string, namespace?: string|null, arguments: any, status: @workStatus!,
             success?: boolean|null, durationMs?: integer|null, contentItems?: [{type: 'inputText', text: string}
                |{type: 'inputImage', imageUrl: string}|{type: 'inputAudio', audioUrl: string}!]|null}
          |{type: 'collabAgentToolCall', @stamped, tool: string, prompt?: string|null, status: @workStatus|'interrupted',
             receiverThreadIds: [string], senderThreadId: string, model?: string|null, reasoningEffort?: string|null,
             agentsStates: {*: {message?: string|null, status: 'pendingInit'|'running'|'interrupted'|'completed'|'errored'
                |'shutdown'|'notFound'!}}}
          |{type: 'webSearch', @stamped, query: string, results?: [any]|null,
             action?: {type: 'search', query?: string|null, queries?: [string]|null}|{type: 'openPage', url?: string|null}
                |{type: 'findInPage', url?: string|null, pattern?: string|null}|{type: 'other'}|null!}
          |{type: 'imageView', @stamped, path: string}
          |{type: 'enteredReviewMode', @stamped, review: string}
          |{type: 'exitedReviewMode', @stamped, review: string}
          |{type: 'contextCompaction', @stamped}",
    ),
    // Of every item.
    ("stamped", "{id: string, startedAtMs?: integer|null, completedAtMs?: integer|null}"),
];
