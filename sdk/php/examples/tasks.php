<?php // A worker of two types of tasks. By hand: HEARKEN_TASK_TYPE=hash php tasks.php '{"path": "/etc/hostname"}'

require __DIR__ . '/../autoload.php';

use Hearken\Worker\Failure\Invalid;
use Hearken\Worker\Failure\NotFound;
use Hearken\Worker\Task;
use Hearken\Worker\Tasks;

function countWords(Task $task): array
{
    $text = $task->payload['text'] ?? throw new Invalid('a task of type count_words has a text');

    return ['words' => count(preg_split('/\s+/', $text, -1, PREG_SPLIT_NO_EMPTY))];
}

function hashFile(Task $task): array
{
    $path = is_string($task->payload) ? $task->payload : $task->payload['path'] ?? null;
    $path ?? throw new Invalid('the payload of a hash is a path, or has one: {"path": "…"}');
    is_file($path) || throw new NotFound("$path is no file", code: 'file.missing');
    $file = fopen($path, 'rb');
    $hash = hash_init('sha256');
    for ($done = 0; !feof($file); $done += strlen($block)) {
        $task->check(); // ends here when somebody cancels it
        $block = fread($file, 1 << 20);
        hash_update($hash, $block);
        $task->progress($done, filesize($path), 'bytes');
    }

    return ['path' => $path, 'sha256' => hash_final($hash)];
}

Tasks::run(['count_words' => countWords(...), 'hash' => hashFile(...)], credits: 4);
